// SPDX-License-Identifier: Apache-2.0
// Registered memory that sockets receive into, in equal chunks. A chunk is referenced by the connection that receives
// into it and by every write whose payload landed there; it is free again when the last reference goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace srp_nbd {

class ChunkPool {
 public:
  struct Chunk {
    std::byte* data = nullptr;
    std::uint32_t references = 0;
    Chunk* next = nullptr;
  };

  ChunkPool(std::span<std::byte> memory, std::size_t chunk_bytes)
      : memory_(memory), chunk_bytes_(chunk_bytes), chunks_(memory.size() / chunk_bytes) {
    for (std::size_t i = chunks_.size(); i-- > 0;) {
      chunks_[i] = {memory.data() + i * chunk_bytes, 0, first_free_};
      first_free_ = &chunks_[i];
    }
    free_ = chunks_.size();
  }

  // With one reference; nullptr when none is free.
  [[nodiscard]] Chunk* take() noexcept {
    Chunk* chunk = first_free_;
    if (chunk == nullptr) return nullptr;
    first_free_ = chunk->next;
    chunk->references = 1;
    --free_;
    return chunk;
  }
  // True: that was the last reference.
  bool release(Chunk& chunk) noexcept {
    if (--chunk.references > 0) return false;
    chunk.next = first_free_;
    first_free_ = &chunk;
    ++free_;
    return true;
  }
  [[nodiscard]] Chunk& of(const std::byte* address) noexcept {
    return chunks_[static_cast<std::size_t>(address - memory_.data()) / chunk_bytes_];
  }
  [[nodiscard]] std::size_t chunk_bytes() const noexcept { return chunk_bytes_; }
  [[nodiscard]] std::size_t free_chunks() const noexcept { return free_; }
  [[nodiscard]] std::size_t chunks() const noexcept { return chunks_.size(); }

 private:
  std::span<std::byte> memory_;
  std::size_t chunk_bytes_;
  std::vector<Chunk> chunks_;
  Chunk* first_free_ = nullptr;
  std::size_t free_ = 0;
};

}  // namespace srp_nbd
