#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A project takes the library with add_subdirectory. It gets the target srpi::srpi and nothing else of ours: no daemon, no
# test, nothing to install. It needs none of the daemon's libraries.
set -euo pipefail
compiler=${CXX:-c++}
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

mkdir "$scratch/app"
cp "$source_dir/examples/read_block.cpp" "$scratch/app/main.cpp"
cat >"$scratch/app/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.25)
project(app LANGUAGES CXX)
add_subdirectory("$source_dir" srpi)
add_executable(app main.cpp)
target_link_libraries(app PRIVATE srpi::srpi)
install(TARGETS app)
enable_testing()
END
without=()
for package in spdlog CLI11 tomlplusplus boost_json Catch2; do without+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON"); done
cmake -S "$scratch/app" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" "${without[@]}" \
    -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=0 -DCMAKE_CXX_FLAGS=-O0 >"$scratch/cmake.log" 2>&1 ||
    { cat "$scratch/cmake.log"; exit 1; }
cmake --build "$scratch/build" >"$scratch/build.log" || { tail -50 "$scratch/build.log"; exit 1; }
"$scratch/build/app" ram://1M
tests=$(ctest --test-dir "$scratch/build" -N)
[[ $tests == *"Total Tests: 0"* ]] || { echo "tests of ours in a foreign project: $tests"; exit 1; }
cmake --install "$scratch/build" --prefix "$scratch/root" >"$scratch/install.log"
installed=$(cd "$scratch/root" && find . -type f)
[[ $installed == ./bin/app ]] || { echo "installed besides the program: $installed"; exit 1; }
echo "add_subdirectory: ok"
