// SPDX-License-Identifier: Apache-2.0
// Registered memory for receiving from sockets, in chunks of equal size.
//
// Ownership: the connection that receives into a chunk has one reference, and each part of a write with
// payload in the chunk has one. The chunk is free when the last reference is released.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "lane/slots.hpp"

namespace srp_nbd {

class ChunkPool {
 public:
  struct Chunk : SlotHook {
    std::byte* data = nullptr;
    std::uint32_t references = 0;
  };

  ChunkPool(std::span<std::byte> memory, std::size_t chunk_bytes)
      : memory_(memory), chunk_bytes_(chunk_bytes), chunks_(memory.size() / chunk_bytes) {
    for (std::size_t i = 0; i < chunks_.size(); ++i) chunks_[i].data = memory.data() + i * chunk_bytes;
  }

  // Takes a chunk with one reference, or nullptr if none is free.
  [[nodiscard]] Chunk* take() noexcept {
    if (chunks_.free() == 0) return nullptr;
    Chunk& chunk = chunks_.take();
    chunk.references = 1;
    return &chunk;
  }
  // Returns true if that was the last reference.
  bool release(Chunk& chunk) noexcept {
    if (--chunk.references > 0) return false;
    chunks_.give(chunk);
    return true;
  }
  // The chunk that contains this address.
  [[nodiscard]] Chunk& of(const std::byte* address) noexcept {
    return chunks_[static_cast<std::size_t>(address - memory_.data()) / chunk_bytes_];
  }
  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::size_t free_chunks() const noexcept { return chunks_.free(); }
  [[nodiscard]] std::size_t chunks() const noexcept { return chunks_.size(); }

 private:
  std::span<std::byte> memory_;
  std::size_t chunk_bytes_;
  Slots<Chunk> chunks_;
};

}  // namespace srp_nbd
