// SPDX-License-Identifier: Apache-2.0
#include "srpi/error.hpp"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>

using namespace srpi;

namespace {

const char* retry_column(const ErrorDescription& line) {
  if (line.code == Errc::ok) return "";
  switch (line.condition) {
    case Condition::retry_same_path: return "same path";
    case Condition::retry_other_path: return "other path";
    case Condition::permanent: return "no";
  }
  return "";
}

std::string documented_table() {
  std::string table = "| Code | Value | Words | Retry | Meaning |\n|---|---|---|---|---|\n";
  for (const auto& line : error_descriptions())
    table += fmt::format("| `{}` | {} | {} | {} | {} |\n", line.name, static_cast<int>(line.code), line.words,
                         retry_column(line), line.meaning);
  return table;
}

}  // namespace

TEST_CASE("docs/errors.md has the table that error_codes.def generates") {
  std::ifstream file(SRPI_SOURCE_DIR "/docs/errors.md");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const auto document = text.str();
  const auto begin = document.find("| Code |");
  REQUIRE(begin != std::string::npos);
  REQUIRE(document.substr(begin) == documented_table());
}

TEST_CASE("every error code has one line, in the order of values, and texts of its own") {
  std::set<std::string> names, words;
  int last = -1;
  for (const auto& line : error_descriptions()) {
    CHECK(static_cast<int>(line.code) > last);
    last = static_cast<int>(line.code);
    CHECK(names.insert(line.name).second);
    CHECK(words.insert(line.words).second);
    CHECK(std::string(line.meaning).ends_with('.'));
    CHECK(std::string(to_string(line.code)) == line.words);
    CHECK(code_name(line.code) == line.name);
    CHECK(parse_code_name(line.name) == line.code);
    CHECK(make_error_code(line.code).message() == line.words);
  }
  CHECK(names.size() == 41);  // codes are only ever added
}

TEST_CASE("an unknown error code and an unknown name are no error of their own") {
  CHECK(std::string(to_string(static_cast<Errc>(255))) == "unknown error");
  CHECK(to_errno(static_cast<Errc>(255)) == EIO);
  CHECK_FALSE(parse_code_name("no_such_code"));
  CHECK_FALSE(parse_code_name(""));
}

TEST_CASE("a condition says whether a retry of the code can help") {
  CHECK(make_error_code(Errc::busy) == Condition::retry_same_path);
  CHECK(make_error_code(Errc::busy) == Condition::retry_other_path);
  CHECK(make_error_code(Errc::busy) != Condition::permanent);
  CHECK(make_error_code(Errc::evicted) != Condition::retry_same_path);
  CHECK(make_error_code(Errc::evicted) == Condition::retry_other_path);
  CHECK(make_error_code(Errc::misaligned) == Condition::permanent);
  CHECK(make_error_code(Errc::ok) != Condition::permanent);
  CHECK(make_error_code(Errc::ok) != Condition::retry_same_path);
  CHECK(make_error_code(Errc::out_of_space) == std::errc::no_space_on_device);
}
