#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A shared library exports what the public headers declare, nothing else; and that is all that programs need.
#   shared_library.sh LIBRARY OBJECT...     each object is an example's
set -euo pipefail
library=$1 compiler=${CXX:-c++} sanitize=${SANITIZE:-}
shift
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# "address type name". Weak names (u, V, W) are also templates of the C++ library and of Boost, which say themselves that
# they are visible; all others are ours.
nm -DC --defined-only "$library" >"$scratch/names"
grep -q ' T srpi::Session::create(' "$scratch/names" || { echo "srpi::Session::create is not exported"; exit 1; }
if grep -vE '^[0-9a-f]* ([uVW]|. (.* for )?srpi::|. _+(init|fini|asan|odr_asan|ubsan|sanitizer))' "$scratch/names" >"$scratch/foreign"; then
    echo "exported, but not ours:"; head -20 "$scratch/foreign"; exit 1
fi
layers=$(cd "$source_dir/libsrpi/src" && printf '%s|' */)
if grep -E "srpi::(${layers//\/|/|}none)::" "$scratch/names" >"$scratch/private"; then
    echo "exported, but private:"; head -20 "$scratch/private"; exit 1
fi
echo "$(grep -c ' T srpi::' "$scratch/names") exported functions: ok"

for object in "$@"; do
    # shellcheck disable=SC2086
    "$compiler" ${sanitize:+-fsanitize=$sanitize} "$object" -o "$scratch/example" "$library" \
        -Wl,-rpath,"$(dirname "$library")" -pthread
    "$scratch/example" 'ram://1M?luns=2' >"$scratch/said" || { cat "$scratch/said"; exit 1; }
    echo "${object##*/}: ok"
done
