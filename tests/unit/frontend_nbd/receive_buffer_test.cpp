// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstring>

#include "frontend/nbd/buffers.hpp"

using namespace srp_nbd;

namespace {

constexpr std::size_t kChunk = 65536, kRoom = kChunk - kTailBytes;

LaneOptions small_lane() {
  LaneOptions options;
  options.receive_chunk_bytes = kChunk;
  options.receive_bytes = 5 * kChunk;
  return options;
}

struct Fixture {
  LaneOptions options = small_lane();
  LaneHost lane{options};
  ReceiveBuffer buffer{lane};
};

}  // namespace

TEST_CASE("a receive buffer starts again in its chunk, unless a write uses the chunk") {
  Fixture f;
  REQUIRE(f.buffer.make_room(0));
  auto* const begin = f.buffer.room(0).data();
  CHECK(f.buffer.room(0).size() == kRoom);
  f.buffer.received(1000);
  CHECK(f.buffer.unparsed().size() == 1000);
  f.buffer.parsed(1000);
  REQUIRE(f.buffer.make_room(0));
  CHECK(f.buffer.room(0).data() == begin);
  f.buffer.received(1000);
  f.buffer.parsed(1000);
  ++f.lane.chunks().of(begin).references;
  REQUIRE(f.buffer.make_room(0));
  CHECK(f.buffer.room(0).data() == begin + 1000);
  f.buffer.release_unless_shared();
  CHECK(f.lane.chunks().free_chunks() == 4);
  f.lane.release_chunk(f.lane.chunks().of(begin));
  f.buffer.release_unless_shared();
  CHECK(f.lane.chunks().free_chunks() == 5);
}

TEST_CASE("the beginning of a header is moved into the next chunk, also if that is available only later") {
  Fixture f;
  REQUIRE(f.buffer.make_room(0));
  const auto room = f.buffer.room(0);
  std::memset(room.data(), 'a', room.size());
  std::memcpy(room.data() + room.size() - 5, "magic", 5);
  f.buffer.received(room.size());
  f.buffer.parsed(room.size() - 5);
  auto* const old = &f.lane.chunks().of(room.data());
  ++old->references;
  std::vector<ChunkPool::Chunk*> others;
  while (auto* chunk = f.lane.take_chunk()) others.push_back(chunk);
  CHECK(!f.buffer.make_room(0));
  CHECK(f.buffer.has_unparsed());
  CHECK(!f.buffer.can_be_parsed());
  f.lane.release_chunk(*others.back());
  REQUIRE(f.buffer.make_room(0));
  REQUIRE(f.buffer.unparsed().size() == 5);
  CHECK(std::memcmp(f.buffer.unparsed().data(), "magic", 5) == 0);
  CHECK(old->references == 1);
}

TEST_CASE("a payload continues to its boundary in the tail of a full chunk") {
  Fixture f;
  REQUIRE(f.buffer.make_room(0));
  f.buffer.received(kRoom);
  f.buffer.parsed(kRoom);
  ++f.lane.chunks().of(f.buffer.room(0).data() - 1).references;
  REQUIRE(f.buffer.make_room(100));
  CHECK(f.buffer.room(100).size() == 100);
  CHECK(f.lane.chunks().free_chunks() == 4);
}
