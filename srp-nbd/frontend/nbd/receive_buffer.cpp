// SPDX-License-Identifier: Apache-2.0
#include "frontend/nbd/receive_buffer.hpp"

#include <cstring>
#include <utility>

namespace srp_nbd {

namespace {
constexpr std::size_t kWorthReceivingBytes = 4096;  // with less room, take another chunk
}  // namespace

// True if there is room besides the tail.
bool ReceiveBuffer::has_room() const noexcept {
  return filled_ + kTailBytes + kWorthReceivingBytes <= lane_.chunks().chunk_bytes();
}

bool ReceiveBuffer::make_room(std::size_t to_boundary) {
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

std::span<std::byte> ReceiveBuffer::room(std::size_t to_boundary) const noexcept {
  const std::size_t bytes = has_room() ? lane_.chunks().chunk_bytes() - kTailBytes - filled_ : to_boundary;
  return {chunk_->data + filled_, bytes};
}

void ReceiveBuffer::release() noexcept {
  if (chunk_ != nullptr) lane_.release_chunk(*std::exchange(chunk_, nullptr));
  parsed_ = filled_ = 0;
}

void ReceiveBuffer::release_unless_shared() noexcept {
  if (chunk_ != nullptr && chunk_->references == 1) release();
}

}  // namespace srp_nbd
