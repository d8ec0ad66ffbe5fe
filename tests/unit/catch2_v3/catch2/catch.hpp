// SPDX-License-Identifier: Apache-2.0
// Catch2 v2's header name on top of Catch2 v3.
#pragma once

#include <catch2/catch_all.hpp>
