// SPDX-License-Identifier: Apache-2.0
#include "base/list.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

using namespace srpi::base;

namespace {

struct Item {
  int key = 0;
  ListHook hook;
};

std::vector<int> keys(const List<Item>& list) {
  std::vector<int> all;
  for (const auto& item : list) all.push_back(item.key);
  return all;
}

}  // namespace

TEST_CASE("a list returns its elements in order, then null") {
  std::array<Item, 2> items{{{1, {}}, {2, {}}}};
  List<Item> list;
  CHECK(list.front() == nullptr);
  for (auto& item : items) list.push_back(item);
  CHECK(list.pop_front() == &items[0]);
  CHECK(list.front() == &items[1]);
  CHECK(list.pop_front() == &items[1]);
  CHECK(list.pop_front() == nullptr);
  CHECK(list.empty());
}

TEST_CASE("insert keeps the list sorted, and equal elements in the order of insertion") {
  std::array<Item, 4> items{{{2, {}}, {1, {}}, {2, {}}, {3, {}}}};
  List<Item> list;
  for (auto& item : items) list.insert(item, [](const Item& a, const Item& b) { return a.key < b.key; });
  CHECK(keys(list) == std::vector{1, 2, 2, 3});
  list.erase(items[1]);
  CHECK(list.front() == &items[0]);
}

TEST_CASE("append and take_if move elements and keep their order") {
  std::array<Item, 5> items{{{1, {}}, {2, {}}, {3, {}}, {4, {}}, {5, {}}}};
  List<Item> list;
  for (auto& item : items) list.push_back(item);
  auto odd = list.take_if([](const Item& item) { return item.key % 2 == 1; });
  CHECK(keys(odd) == std::vector{1, 3, 5});
  CHECK(keys(list) == std::vector{2, 4});
  list.append(odd);
  CHECK(odd.empty());
  CHECK(keys(list) == std::vector{2, 4, 1, 3, 5});
  const List<Item> moved = std::move(list);
  CHECK(keys(moved).size() == 5);
}
