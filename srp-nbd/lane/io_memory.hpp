// SPDX-License-Identifier: Apache-2.0
// A lane's limits, and the memory that they determine: one mapping with three pools, registered with the
// lane's session. It is allocated when the lane starts, and the requests' part when a connection is added. The
// data path allocates nothing.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/slist.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "srpi/session.hpp"

namespace srp_nbd {

// The program uses these values; only tests change them. Sizes are multiples of 1 MiB, but a chunk's is a power
// of two. There are five chunks at least: two for each of two connections, and one more.
struct LaneOptions {
  std::string name = "lane";  // the thread's name; ps shows the first 15 characters

  // Registered memory: the sum of the first three. It is pinned when the session has found its RDMA device,
  // and then counts against RLIMIT_MEMLOCK. An empty pool delays requests, but does not fail them.
  std::size_t receive_bytes = 16u << 20;         // chunks that sockets receive headers and payloads into
  std::size_t read_bytes = 16u << 20;            // blocks for data of reads
  std::size_t small_read_bytes = 1u << 20;       // more blocks, for small reads of connections that hold none
  std::size_t receive_chunk_bytes = 256u << 10;  // limit of one receive

  // Two for each unit that a session may have.
  std::uint32_t max_connections = 512;
  // Concurrent requests of a connection; more stay in the socket. With many connections or units, they share
  // `requests`. Each needs 2 KiB of memory, and a connection has at least 32.
  std::uint32_t requests_per_connection = 256;
  std::uint32_t requests = 8192;
  // What clients are told about the size of one read or write; at most half of read_bytes.
  std::uint32_t max_request_bytes = 8u << 20;

  // A client is disconnected if it holds memory that others wait for, and neither sends nor receives a byte
  // for this time.
  std::chrono::milliseconds stuck_client{30000};

  // The number of polls without work before the thread sleeps. With a single CPU it is 0.
  std::uint32_t idle_polls = 64;
};

// The base class of objects in Slots. The user of a taken object may link it into lists of this type.
using SlotHook =
    boost::intrusive::slist_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

// A fixed number of objects to take and to give back.
template<class T>
class Slots {
 public:
  explicit Slots(std::size_t count) : slots_(count) {
    // The first slots are taken first, so that unneeded memory stays untouched.
    for (std::size_t i = count; i-- > 0;) free_.push_front(slots_[i]);
  }

  // Precondition: free() > 0.
  [[nodiscard]] T& take() noexcept {
    T& slot = free_.front();
    free_.pop_front();
    return slot;
  }
  void give(T& slot) noexcept { free_.push_front(slot); }

  [[nodiscard]] std::size_t free() const noexcept { return free_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] bool all_free() const noexcept { return free() == size(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return slots_[i]; }

 private:
  std::vector<T> slots_;
  boost::intrusive::slist<T, boost::intrusive::constant_time_size<true>> free_;
};

// Memory for receiving from sockets, in chunks of equal size.
//
// Ownership: the connection that receives into a chunk has one reference, and each part of a write with
// payload in the chunk has one. The chunk is free when the last reference is released.
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

// Memory for reads: blocks of 4 KiB to 1 MiB, powers of two, allocated by the buddy method. A request takes
// as many blocks as it needs, large ones first.
//
// Ownership: a block belongs to a request from `take` until the reply is sent to the client.
class ReadPool {
 public:
  static constexpr unsigned kOrders = 9;  // 4 KiB << 0 … 4 KiB << 8
  static constexpr std::size_t kSmallestBytes = 4096;
  static constexpr std::size_t bytes_of(unsigned order) noexcept { return kSmallestBytes << order; }

  struct Block {
    std::byte* data = nullptr;
    std::uint32_t order = 0;
  };

  explicit ReadPool(std::span<std::byte> memory);  // whole MiB, aligned to a page

  // Takes blocks with a total of at least `bytes` and returns their number. Returns 0 if there are not enough
  // free bytes, or only blocks that are too small for the length of `blocks`.
  [[nodiscard]] std::size_t take(std::size_t bytes, std::span<Block> blocks) noexcept;
  void give(std::span<const Block> blocks) noexcept;

 private:
  static constexpr std::uint8_t kNotFree = 0xff;
  using Link = boost::intrusive::link_mode<boost::intrusive::normal_link>;
  // One per smallest block. The first unit of a free block is in the list of the block's order.
  struct Unit : boost::intrusive::list_base_hook<Link> {
    std::uint8_t order = kNotFree;
  };
  using List = boost::intrusive::list<Unit, boost::intrusive::constant_time_size<false>>;

  [[nodiscard]] std::byte* take_one(unsigned order) noexcept;
  void give_one(std::size_t unit, unsigned order) noexcept;
  void push(std::size_t unit, unsigned order) noexcept;
  void unlink(std::size_t unit) noexcept;

  std::span<std::byte> memory_;
  std::vector<Unit> units_;
  std::array<List, kOrders> free_;
};

// Must be destroyed before the session and after the end of all requests.
struct IoMemory {
  explicit IoMemory(const LaneOptions&);  // throws std::system_error if there is no memory
  ~IoMemory();

  const std::span<std::byte> mapped;
  ChunkPool chunks;
  ReadPool read_blocks, small_read_blocks;
  std::unique_ptr<srpi::Memory> registered;  // all of `mapped`, when there is a session
};

}  // namespace srp_nbd
