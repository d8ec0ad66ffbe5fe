#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs into a scratch folder, then builds and runs the examples against it: by CMake all, by pkg-config a plain one.
set -euo pipefail
build=$1 compiler=${CXX:-c++} sanitize=${SANITIZE:-}
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log" || { cat "$scratch/install.log"; exit 1; }

# By component: each file belongs to one, and the development files come without the daemon.
for component in runtime development daemon; do
    cmake --install "$build" --prefix "$scratch/$component" --component "$component" >>"$scratch/install.log"
    mkdir -p "$scratch/$component"
    (cd "$scratch/$component" && find . -type f) >>"$scratch/by_component"
done
diff <(cd "$scratch/root" && find . -type f | sort) <(sort "$scratch/by_component")
[[ -z $(find "$scratch/development" -name '*nbd*') ]] || { echo "the daemon is among the development files"; exit 1; }
echo "components: ok"

# The examples are a project of their own, outside of this tree.
cp -r "$source_dir/examples" "$scratch/examples"
flags=${sanitize:+-fsanitize=$sanitize}
cmake -S "$scratch/examples" -B "$scratch/examples/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/development" \
    -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS="$flags" >"$scratch/cmake.log" || { cat "$scratch/cmake.log"; exit 1; }
cmake --build "$scratch/examples/build" >"$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }
ctest --test-dir "$scratch/examples/build" --no-tests=error --output-on-failure >"$scratch/ctest.log" || { cat "$scratch/ctest.log"; exit 1; }
echo "find_package: ok"

PKG_CONFIG_PATH=$(find "$scratch/development" -type d -name pkgconfig)
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086
"$compiler" -std=c++20 $flags "$source_dir/examples/read_block.cpp" -o "$scratch/by_pkg_config" \
    $(pkg-config --cflags --libs srpi)
"$scratch/by_pkg_config" ram://1M
echo "pkg-config: ok"

# The service unit starts the program that was installed, by arguments that it takes.
unit=$(find "$scratch/root" -name srp-nbd.service)
program=$(find "$scratch/root" -name srp-nbd -type f)
start=$(sed -n 's/^ExecStart=//p' "$unit")
[[ ${start%% *} == */"${program#"$scratch/root/"}" ]] || { echo "the unit starts ${start%% *}, installed is $program"; exit 1; }
arguments=${start#* }
status=0
# shellcheck disable=SC2086
said=$("$program" ${arguments//\/etc\/srp-nbd.toml/"$scratch/none.toml"} 2>&1) || status=$?
[[ $status == 2 && $said == *"$scratch/none.toml"*"cannot be read"* ]] || { echo "srp-nbd $arguments: $status, $said"; exit 1; }
echo "service unit: ok"
