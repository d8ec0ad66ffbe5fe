#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs into a scratch folder, then builds and runs examples against it: by CMake the one with coroutines, for its
# headers need more, by pkg-config the plain one.
set -euo pipefail
build=$1 compiler=$2 sanitize=$3
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cmake --install "$build" --prefix "$scratch/root" >"$scratch/install.log" || { cat "$scratch/install.log"; exit 1; }

mkdir "$scratch/app"
cp "$source_dir/examples/copy_lun.cpp" "$scratch/app/main.cpp"
cat >"$scratch/app/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(app CXX)
find_package(srpi REQUIRED)
add_executable(app main.cpp)
target_link_libraries(app PRIVATE srpi::srpi)
END
flags=${sanitize:+-fsanitize=$sanitize}
cmake -S "$scratch/app" -B "$scratch/app/build" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/root" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_CXX_FLAGS="$flags" >"$scratch/cmake.log" || { cat "$scratch/cmake.log"; exit 1; }
cmake --build "$scratch/app/build" >"$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }
"$scratch/app/build/app" 'ram://1M?luns=2'
echo "find_package: ok"

PKG_CONFIG_PATH=$(find "$scratch/root" -type d -name pkgconfig)
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086
"$compiler" -std=c++20 $flags "$source_dir/examples/read_block.cpp" -o "$scratch/app/by_pkg_config" \
    $(pkg-config --cflags --libs srpi)
"$scratch/app/by_pkg_config" ram://1M
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
