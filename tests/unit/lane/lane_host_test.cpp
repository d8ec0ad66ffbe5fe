// SPDX-License-Identifier: Apache-2.0
// How the lane distributes memory when it is short; without a thread or a session.
#include "lane/lane_host.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "fake_front_end.hpp"

using namespace srp_nbd;

namespace {

LaneOptions small_lane() {
  LaneOptions options;
  options.receive_chunk_bytes = 65536;
  options.receive_bytes = 8 * 65536;
  options.read_bytes = 2 << 20;
  options.stuck_client = std::chrono::milliseconds(0);
  return options;
}

struct HostFixture {
  FakeFrontEnd& add(std::uint64_t id) {
    auto front_end = std::make_unique<FakeFrontEnd>(host, id);
    auto& result = *front_end;
    host.add(std::move(front_end));
    return result;
  }
  std::vector<ReadPool::Block> take(const FrontEnd& front_end, bool holds_none, std::size_t bytes) {
    std::vector<ReadPool::Block> blocks(48);
    blocks.resize(host.take_read_blocks(front_end, holds_none, bytes, blocks));
    return blocks;
  }

  std::vector<std::uint64_t> remove_ended() {
    std::vector<std::uint64_t> ids;
    host.remove_ended([&](const FrontEnd& f) { ids.push_back(f.id()); });
    return ids;
  }

  LaneOptions options = small_lane();
  LaneHost host{options};
};

}  // namespace

TEST_CASE("service is called once per turn") {
  HostFixture f;
  auto& a = f.add(1);
  f.host.needs_service(a);
  f.host.needs_service(a);
  CHECK(f.host.service_all() == 1);
  CHECK(f.host.service_all() == 0);
  CHECK(a.services == 1);
}

TEST_CASE("the first waiting front end gets read blocks first, except for small reads of others") {
  HostFixture f;
  auto &a = f.add(1), &b = f.add(2);
  const auto all = f.take(a, true, 2 << 20);
  REQUIRE(!all.empty());
  CHECK(f.take(b, true, 1 << 20).empty());
  f.host.wait_for_memory(b);
  f.host.wait_for_memory(b);
  CHECK(f.host.is_memory_short());
  CHECK(!f.take(a, true, 4096).empty());  // from the pool for small reads
  CHECK(f.take(a, false, 4096).empty());
  CHECK(f.host.resume_waiting() == 0);  // nothing was released
  f.host.give_read_blocks(all);
  CHECK(f.take(a, false, 1 << 20).empty());  // it is not the first in the queue
  CHECK(!f.take(b, false, 1 << 20).empty());
  b.resumes_needed = 2;
  CHECK(f.host.resume_waiting() == 0);
  f.host.give_read_blocks(f.take(b, false, 4096));
  CHECK(f.host.resume_waiting() == 1);
  CHECK(b.resumes == 2);
  CHECK(!f.host.is_memory_short());
}

TEST_CASE("some chunks stay for front ends that may not keep one, and incomplete writes give theirs back") {
  HostFixture f;
  std::vector<FakeFrontEnd*> all;
  for (std::uint64_t id = 1; id <= 4; ++id) all.push_back(&f.add(id));
  int keepers = 0;
  for (int twice = 0; twice < 2; ++twice) {
    keepers = 0;
    for (auto* a : all) keepers += f.host.may_keep_chunk(*a) ? 1 : 0;
  }
  CHECK(keepers == 3);  // (8 - 1) / 2
  std::vector<ChunkPool::Chunk*> taken;
  for (int i = 0; i < 8; ++i) {
    CHECK(all[0]->spares == std::max(0, i - 6));
    taken.push_back(f.host.take_chunk());
    REQUIRE(taken.back() != nullptr);
  }
  CHECK(f.host.take_chunk() == nullptr);
  for (auto* chunk : taken) f.host.release_chunk(*chunk);
  CHECK(f.host.chunks().free_chunks() == 8);
  // When a keeper ends, another one may keep a chunk.
  all[0]->close({});
  CHECK(f.remove_ended() == std::vector<std::uint64_t>{1});
  CHECK(f.remove_ended().empty());
  CHECK(f.host.may_keep_chunk(*all[3]));
}

TEST_CASE("a stuck client is disconnected, and its front end is removed when it is at rest") {
  HostFixture f;
  auto& a = f.add(1);
  f.add(2);
  a.is_stuck = true;
  a.at_rest = false;
  f.host.wait_for_memory(a);
  f.host.needs_service(a);
  f.host.close_stuck();
  CHECK(a.is_closing());
  CHECK(a.reason().code == srpi::Errc::timed_out);
  CHECK(f.remove_ended().empty());
  a.come_to_rest();
  CHECK(f.remove_ended() == std::vector<std::uint64_t>{1});
  CHECK(f.host.front_ends().size() == 1);
  CHECK(!f.host.is_memory_short());  // the front end has left the queues
  CHECK(f.host.service_all() == 0);
}
