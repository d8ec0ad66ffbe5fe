// SPDX-License-Identifier: Apache-2.0
#include "base/make_error.hpp"

#include <catch2/catch.hpp>
#include <new>

using namespace srpi;

TEST_CASE("make_error formats its words") {
  const auto error = base::make_error(Errc::busy, "{} of {} slots are in use", 3, 4u);
  CHECK(error.code == Errc::busy);
  CHECK(error.detail == "3 of 4 slots are in use");
}

TEST_CASE("make_error calls an argument that is a function") {
  const auto error = base::make_error(
      Errc::busy, "{}: {}", [] { return std::string("lane 1"); }, std::string("full"));
  CHECK(error.detail == "lane 1: full");
}

TEST_CASE("make_error without memory for the words keeps the code") {
  const auto error = base::make_error(Errc::timed_out, "{} is late", []() -> int { throw std::bad_alloc(); });
  CHECK(error.code == Errc::timed_out);
  CHECK(error.detail.empty());
}
