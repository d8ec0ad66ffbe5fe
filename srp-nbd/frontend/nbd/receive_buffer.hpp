// SPDX-License-Identifier: Apache-2.0
// The receive buffer of a connection: one of the lane's chunks, replaced when it is full.
//
//   | parsed | unparsed | room … | tail |      the tail lets a payload continue to the end of a block
//
// Ownership: the buffer holds one reference to its chunk. Payloads are not copied, so each part of a write
// holds another reference and keeps the chunk after its replacement.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>

#include "lane/lane_host.hpp"
#include "nbd/transmission.hpp"

namespace srp_nbd {

inline constexpr std::size_t kTailBytes = 4096;

class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(LaneHost& lane) noexcept : lane_(lane) {}

  // The received bytes that are not parsed yet.
  [[nodiscard]] std::span<std::byte> unparsed() const noexcept {
    return {chunk_->data + parsed_, filled_ - parsed_};
  }
  [[nodiscard]] bool can_be_parsed() const noexcept { return parsed_ < filled_; }
  void parsed(std::size_t bytes) noexcept { parsed_ += bytes; }
  // True if the beginning of a header is here or aside.
  [[nodiscard]] bool has_unparsed() const noexcept { return parsed_ != filled_ || aside_bytes_ > 0; }

  // Provides room for a receive, in another chunk if necessary. Precondition: less than a header is unparsed.
  // `to_boundary` is the number of payload bytes that must go into the same chunk as the bytes before them.
  // Returns false if no chunk is free.
  [[nodiscard]] bool make_room(std::size_t to_boundary) {
    if (chunk_ != nullptr) {
      if (parsed_ == filled_ && chunk_->references == 1) parsed_ = filled_ = 0;
      if (has_room() || to_boundary > 0) return true;
      // Keep the rest aside and release the chunk. Otherwise connections that keep one chunk and wait for
      // another could wait for each other.
      aside_bytes_ = filled_ - parsed_;
      std::memcpy(aside_.data(), chunk_->data + parsed_, aside_bytes_);
      release();
    }
    chunk_ = lane_.take_chunk();
    if (chunk_ == nullptr) return false;
    filled_ = std::exchange(aside_bytes_, 0);
    std::memcpy(chunk_->data, aside_.data(), filled_);
    return true;
  }
  [[nodiscard]] std::span<std::byte> room(std::size_t to_boundary) const noexcept {
    const auto bytes = has_room() ? lane_.chunks().chunk_bytes() - kTailBytes - filled_ : to_boundary;
    return {chunk_->data + filled_, bytes};
  }
  void received(std::size_t bytes) noexcept { filled_ += bytes; }

  // Precondition: no receive is in progress.
  void release() noexcept {
    if (chunk_ != nullptr) lane_.release_chunk(*std::exchange(chunk_, nullptr));
    parsed_ = filled_ = 0;
  }
  void release_unless_shared() noexcept {  // unless writes use the chunk
    if (chunk_ != nullptr && chunk_->references == 1) release();
  }

 private:
  static constexpr std::size_t kWorthReceivingBytes = 4096;  // with less room, take another chunk

  // True if there is room besides the tail.
  [[nodiscard]] bool has_room() const noexcept {
    return filled_ + kTailBytes + kWorthReceivingBytes <= lane_.chunks().chunk_bytes();
  }

  LaneHost& lane_;
  ChunkPool::Chunk* chunk_ = nullptr;
  std::size_t parsed_ = 0, filled_ = 0;  // in chunk_
  // The beginning of a header, while chunks are changed.
  std::array<std::byte, sizeof(nbd::RequestHeader)> aside_;
  std::size_t aside_bytes_ = 0;
};

}  // namespace srp_nbd
