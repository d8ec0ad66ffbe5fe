// SPDX-License-Identifier: Apache-2.0
// Where a connection's bytes arrive: in one chunk of the lane's at a time, which goes when it is full.
//
//   | parsed | unparsed | room … | tail |      the tail is for bringing a payload to a block's end
//
// Ownership: the buffer holds one reference to its chunk. Payloads stay where they have arrived; each part of a write
// holds a reference of its own, so that the chunk outlives its time as this buffer.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "lane/lane_host.hpp"
#include "nbd/wire.hpp"

namespace srp_nbd {

inline constexpr std::size_t kTailBytes = 4096;

class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(LaneHost& lane) noexcept : lane_(lane) {}

  // What has come and was not parsed yet.
  [[nodiscard]] std::span<std::byte> unparsed() const noexcept {
    return {chunk_->data + parsed_, filled_ - parsed_};
  }
  [[nodiscard]] bool can_be_parsed() const noexcept { return parsed_ < filled_; }
  void parsed(std::size_t bytes) noexcept { parsed_ += bytes; }
  // The beginning of a header is here, or aside.
  [[nodiscard]] bool has_unparsed() const noexcept { return parsed_ != filled_ || aside_bytes_ > 0; }

  // Makes sure that there is room to receive into, in another chunk if need be. Then less than a header may be
  // unparsed. `to_boundary`: bytes of a payload that must come into the same chunk as those before them. False: no
  // chunk is free.
  [[nodiscard]] bool make_room(std::size_t to_boundary);
  [[nodiscard]] std::span<std::byte> room(std::size_t to_boundary) const noexcept;
  void received(std::size_t bytes) noexcept { filled_ += bytes; }

  // Nothing is received into it now.
  void release() noexcept;
  void release_unless_shared() noexcept;  // with writes

 private:
  [[nodiscard]] bool has_room() const noexcept;

  LaneHost& lane_;
  ChunkPool::Chunk* chunk_ = nullptr;
  std::size_t parsed_ = 0, filled_ = 0;                      // in chunk_
  std::array<std::byte, sizeof(nbd::RequestHeader)> aside_;  // the beginning of a header, between two chunks
  std::size_t aside_bytes_ = 0;
};

}  // namespace srp_nbd
