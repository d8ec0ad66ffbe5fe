// SPDX-License-Identifier: Apache-2.0
// The main() that every unit test program shares. It is compiled once: Catch2 v2 carries its runner in this header.
#define CATCH_CONFIG_RUNNER
#include "catch2/catch.hpp"

int main(int argc, char** argv) { return Catch::Session().run(argc, argv); }
