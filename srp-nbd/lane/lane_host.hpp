// SPDX-License-Identifier: Apache-2.0
// The lane's services for front ends: the ring, turns, and a fair share of memory.
//
// When memory is short:
//   - A front end without memory waits in a queue. The first one in the queue gets read blocks first.
//   - A front end without read blocks gets small ones out of turn, from a separate pool.
//   - At most about half of the chunks stay with clients that are not sending (may_keep_chunk).
//   - When few chunks are free, incomplete writes are submitted as far as they have arrived.
//   - A client that is stuck while others wait is disconnected.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <vector>

#include "lane/front_end.hpp"
#include "lane/io_memory.hpp"
#include "lane/lane_options.hpp"
#include "lane/ring.hpp"

namespace srp_nbd {

class LaneHost {
 public:
  explicit LaneHost(const LaneOptions& options) : options_(options) {}

  // For front ends.
  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }
  [[nodiscard]] Ring& ring() noexcept { return ring_; }
  [[nodiscard]] const srpi::Memory& registered_memory() const noexcept { return memory_.registered(); }
  [[nodiscard]] ChunkPool& chunks() noexcept { return memory_.chunks(); }
  // nullptr: none is free.
  [[nodiscard]] ChunkPool::Chunk* take_chunk();
  void release_chunk(ChunkPool::Chunk&) noexcept;
  // True if the front end may keep a chunk for future requests.
  [[nodiscard]] bool may_keep_chunk(FrontEnd&) noexcept;
  // Like ReadPool::take.
  [[nodiscard]] std::size_t take_read_blocks(const FrontEnd&, bool holds_none, std::size_t bytes,
                                             std::span<ReadPool::Block>) noexcept;
  void give_read_blocks(std::span<const ReadPool::Block>) noexcept;
  void wait_for_memory(FrontEnd&) noexcept;  // FrontEnd::resume is called when memory is free
  void needs_service(FrontEnd&) noexcept;    // FrontEnd::service is called in this turn
  void front_end_ended() noexcept { look_for_ended_ = true; }

  // For the lane's loop.
  static constexpr std::chrono::seconds kLookForStuck{1};  // the interval while memory is short
  [[nodiscard]] IoMemory& memory() noexcept { return memory_; }
  [[nodiscard]] std::span<const std::unique_ptr<FrontEnd>> front_ends() const noexcept { return front_ends_; }
  void add(std::unique_ptr<FrontEnd>);
  [[nodiscard]] std::unique_ptr<FrontEnd> take_ended() noexcept;  // an ended front end, or nullptr
  std::size_t service_all();                                      // returns the number of serviced front ends
  std::size_t resume_waiting();                                   // returns the number of resumed front ends
  [[nodiscard]] bool is_memory_short() const noexcept { return !waiting_.empty(); }
  void close_stuck();

 private:
  template<FrontEnd::Hook FrontEnd::*hook>
  using List = boost::intrusive::list<FrontEnd, boost::intrusive::member_hook<FrontEnd, FrontEnd::Hook, hook>,
                                      boost::intrusive::constant_time_size<false>>;

  const LaneOptions& options_;
  IoMemory memory_;
  std::vector<std::unique_ptr<FrontEnd>> front_ends_;
  List<&FrontEnd::needs_service_> to_service_;
  List<&FrontEnd::waits_for_memory_> waiting_;
  std::size_t chunk_keepers_ = 0;
  bool memory_is_back_ = false;
  bool look_for_ended_ = false;
  std::chrono::steady_clock::time_point next_look_;  // time of the next look for stuck clients
  Ring ring_;                                        // destroyed first
};

}  // namespace srp_nbd
