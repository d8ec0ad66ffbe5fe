// SPDX-License-Identifier: Apache-2.0
// Catch2 v2's header name on top of Catch2 v3, for the names our tests use.
#pragma once

#include <catch2/catch_all.hpp>

using Catch::Approx;
using Catch::Matchers::Contains;
using Catch::Matchers::EndsWith;
using Catch::Matchers::StartsWith;
