// SPDX-License-Identifier: Apache-2.0
#include "control/described_json.hpp"

#include <boost/describe/class.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "catch2/catch.hpp"
#include "control/reports.hpp"

using namespace srp_nbd;

namespace {

struct Inner {
  std::string text;
  std::optional<std::uint32_t> number;
};
BOOST_DESCRIBE_STRUCT(Inner, (), (text, number))

struct Outer {
  bool is_on = false;
  double export_ = 0;
  std::vector<Inner> list;
  Maybe<std::int64_t> extra;
};
BOOST_DESCRIBE_STRUCT(Outer, (), (is_on, export_, list, extra))

// What a later version counts, too: one line here, and its name in the description.
struct MoreCounters : srpi::SessionCounters {
  std::uint64_t retries = 0;
};
BOOST_DESCRIBE_STRUCT(MoreCounters, (srpi::SessionCounters), (retries))

template<class T = Outer>
std::string problem(std::string_view text, Reading reading) {
  T value;
  JsonReader reader(reading);
  return reader.read(boost::json::parse({text.data(), text.size()}), value) ? "" : reader.problem;
}

}  // namespace

TEST_CASE("described JSON: a struct is written member by member and read back") {
  const Outer outer{true, 1.5, {{"a", 7}, {"b", std::nullopt}}, {}};
  const std::string text =
      R"({"is_on":true,"export":1.5E0,"list":[{"text":"a","number":7},{"text":"b","number":null}]})";
  CHECK(boost::json::serialize(to_json(outer)) == text);
  Outer read;
  JsonReader reader(Reading::order);
  REQUIRE(reader.read(boost::json::parse(text), read));
  CHECK(boost::json::serialize(to_json(read)) == text);
  read.extra = -1;
  CHECK(to_json(read).at("extra").as_int64() == -1);
}

TEST_CASE("described JSON: an order must have all keys, no unknown keys, and is limited in size") {
  CHECK(problem("[]", Reading::order) == "expected an object");
  CHECK(problem(R"({"is_on":true})", Reading::order) == "export is missing: expected a number");
  CHECK(problem(R"({"is_on":1,"export":1,"list":[]})", Reading::order) == "is_on: expected true or false");
  CHECK(problem(R"({"is_on":true,"export":1,"list":[],"speed":9})", Reading::order) ==
        "unknown key \"speed\"");
  CHECK(problem(R"({"is_on":true,"export":1,"list":[{"text":"a","number":-1}]})", Reading::order) ==
        "list.0.number: expected a number");
  CHECK(problem(R"({"is_on":true,"export":1,"list":[{"text":"a"}]})", Reading::order) ==
        "list.0.number is missing: expected an object");
  const auto with = [](const std::string& list) {
    return R"({"is_on":true,"export":1,"list":[)" + list + "]}";
  };
  const auto item = [](std::size_t length) {
    return R"({"number":null,"text":")" + std::string(length, 'x') + "\"}";
  };
  CHECK(problem(with(item(kMaxOrderText)), Reading::order).empty());
  CHECK(problem(with(item(kMaxOrderText + 1)), Reading::order) == "list.0.text: expected a text");
}

TEST_CASE("described JSON: an answer may come from a later or an earlier daemon") {
  CHECK(
      problem(R"({"is_on":true,"export":1,"list":[{"colour":"blue"}],"speed":9})", Reading::answer).empty());
  CHECK(problem(R"({"is_on":true,"export":1})", Reading::answer) == "list is missing: expected a list");
  CHECK(problem(R"({"is_on":"yes","export":1,"list":[]})", Reading::answer) ==
        "is_on: expected true or false");
}

TEST_CASE("described JSON: one more counter is written and read") {
  MoreCounters counters;
  counters.connects = 3;
  counters.retries = 7;
  const auto json = to_json(counters);
  CHECK(json.at("connects").to_number<int>() == 3);
  CHECK(json.at("retries").to_number<int>() == 7);
  MoreCounters read;
  REQUIRE(JsonReader(Reading::answer).read(json, read));
  CHECK(read.retries == 7);
}
