// SPDX-License-Identifier: Apache-2.0
#include "lane/lane_host.hpp"

#include <fmt/format.h>

#include <utility>

namespace srp_nbd {

static constexpr std::size_t kSmallReadBytes = 16384;

void FrontEnd::close(srpi::Error why) {
  if (std::exchange(is_closing_, true)) return;
  reason_ = std::move(why);
  lane_.front_end_ended();
  on_close();
}

ChunkPool::Chunk* LaneHost::take_chunk() {
  // Chunks of complete writes become free by themselves. Chunks of incomplete writes may wait for clients
  // that have stopped sending.
  if (chunks().free_chunks() <= chunks().chunks() / 4)
    for (auto& f : front_ends_) f->spare_chunks();
  return chunks().take();
}

// A front end that keeps a chunk can occupy two: one that it receives into, and one with the rest of a block.
// Some chunks stay for all others.
bool LaneHost::may_keep_chunk(FrontEnd& front_end) noexcept {
  if (front_end.keeps_chunk_) return true;
  if (chunk_keepers_ >= (chunks().chunks() - 1) / 2) return false;
  ++chunk_keepers_;
  return front_end.keeps_chunk_ = true;
}

std::size_t LaneHost::take_read_blocks(const FrontEnd& front_end, bool holds_none, std::size_t bytes,
                                       std::span<ReadPool::Block> blocks) noexcept {
  if (waiting_.empty() || &waiting_.front() == &front_end)
    if (const auto count = memory_.read_blocks.take(bytes, blocks); count > 0) return count;
  return holds_none && bytes <= kSmallReadBytes ? memory_.small_read_blocks.take(bytes, blocks) : 0;
}

void LaneHost::give_read_blocks(std::span<const ReadPool::Block> blocks) noexcept {
  const bool are_small = blocks.front().data >= memory_.mapped.last(options_.small_read_bytes).data();
  (are_small ? memory_.small_read_blocks : memory_.read_blocks).give(blocks);
  memory_is_back_ = true;
}

std::size_t LaneHost::service_all() {
  // A front end that needs service again meanwhile gets it in the next turn.
  decltype(to_service_) now;
  now.swap(to_service_);
  std::size_t count = 0;
  for (; !now.empty(); ++count) {
    FrontEnd& next = now.front();
    now.pop_front();
    next.service();
  }
  return count;
}

// The first one in the queue gets memory first. The others continue if they need other memory.
std::size_t LaneHost::resume_waiting() {
  if (!std::exchange(memory_is_back_, false)) return 0;
  std::size_t count = 0;
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const auto one = next++;
    if (!one->resume()) continue;
    waiting_.erase(one);
    ++count;
  }
  return count;
}

void LaneHost::close_stuck() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kLookForStuck;
  const auto limit = now - options_.stuck_client;
  const bool chunks_are_out = chunks().free_chunks() == 0;
  for (auto& f : front_ends_)
    if (const char* what = f->stuck_since(limit, chunks_are_out); what != nullptr)
      f->close({srpi::Errc::timed_out, fmt::format("the client {} for {} s while others waited", what,
                                                   options_.stuck_client / std::chrono::seconds(1))});
}

srpi::Result<> LaneHost::register_memory(srpi::Session& session) {
  auto registered = session.register_memory(memory_.mapped);
  if (registered.has_error()) return registered.error();
  memory_.registered = std::move(*registered);
  return {};
}

}  // namespace srp_nbd
