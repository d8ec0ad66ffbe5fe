// SPDX-License-Identifier: Apache-2.0
// A front end serves one client of one logical unit. It turns the client's requests into block requests, and
// their completions into replies; frontend/ has the implementations. The lane does not know its protocol. It
// gives the front end services: the ring, turns, and a fair share of memory.
//
// When memory is short:
//   - A front end without memory waits in a queue. The first one in the queue gets read blocks first.
//   - A front end without read blocks gets small ones out of turn, from a separate pool.
//   - At most about half of the chunks stay with clients that are not sending (may_keep_chunk).
//   - When few chunks are free, incomplete writes are submitted as far as they have arrived.
//   - A client that is stuck while others wait is disconnected.
//
// All functions are called on the lane's thread.
#pragma once

#include <boost/intrusive/list.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lane/io_memory.hpp"
#include "lane/ring.hpp"
#include "srpi/error.hpp"

namespace srp_nbd {

class LaneHost;

class FrontEnd {
 public:
  using Time = std::chrono::steady_clock::time_point;

  FrontEnd(LaneHost& lane, std::uint64_t id) noexcept : lane_(lane), id_(id) {}
  virtual ~FrontEnd() = default;
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

  // Called once, first.
  virtual void start() = 0;
  // Called once after LaneHost::needs_service: in this turn, or in the next one if this turn's services have begun.
  virtual void service() = 0;
  // Called after LaneHost::wait_for_memory when memory may be free. Returns false if the front end goes on
  // waiting.
  [[nodiscard]] virtual bool resume() = 0;
  // Called when few chunks are free: submits the received part of a request, so that its chunks become free.
  virtual void spare_chunks() = 0;
  // If the client holds memory that others wait for, and has made no progress since `limit`, returns what it
  // has not done, for people; otherwise nullptr. Called from time to time.
  [[nodiscard]] virtual const char* stuck_since(Time limit, bool chunks_are_out) = 0;

  // Starts closing. The first reason is kept; code ok means that the client left or was dropped. Requests in
  // progress continue, but are not answered.
  void close(srpi::Error why);
  [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
  [[nodiscard]] const srpi::Error& reason() const noexcept { return reason_; }
  // The object may be destroyed.
  [[nodiscard]] bool has_ended() const noexcept { return is_closing_ && is_at_rest(); }

 protected:
  virtual void on_close() = 0;
  // True if it has nothing in the ring or at the session. LaneHost::front_end_ended makes the lane ask.
  [[nodiscard]] virtual bool is_at_rest() const noexcept = 0;

  LaneHost& lane_;

 private:
  friend class LaneHost;
  using Link = boost::intrusive::link_mode<boost::intrusive::auto_unlink>;
  using Hook = boost::intrusive::list_member_hook<Link>;

  const std::uint64_t id_;
  bool is_closing_ = false;
  bool keeps_chunk_ = false;  // LaneHost::may_keep_chunk
  Hook waits_for_memory_, needs_service_;
  srpi::Error reason_;
};

class LaneHost {
 public:
  explicit LaneHost(const LaneOptions& options) : options_(options), memory_(options) {}

  // For front ends.
  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }
  [[nodiscard]] Ring& ring() noexcept { return ring_; }
  [[nodiscard]] const srpi::Memory& registered_memory() const noexcept { return *memory_.registered; }
  [[nodiscard]] ChunkPool& chunks() noexcept { return memory_.chunks; }
  // nullptr: none is free.
  [[nodiscard]] ChunkPool::Chunk* take_chunk();
  void release_chunk(ChunkPool::Chunk& chunk) noexcept {
    if (chunks().release(chunk)) memory_is_back_ = true;
  }
  // True if the front end may keep a chunk for future requests.
  [[nodiscard]] bool may_keep_chunk(FrontEnd&) noexcept;
  // Like ReadPool::take.
  [[nodiscard]] std::size_t take_read_blocks(const FrontEnd&, bool holds_none, std::size_t bytes,
                                             std::span<ReadPool::Block>) noexcept;
  void give_read_blocks(std::span<const ReadPool::Block>) noexcept;
  // FrontEnd::resume is called when memory is free.
  void wait_for_memory(FrontEnd& f) noexcept {
    if (!f.waits_for_memory_.is_linked()) waiting_.push_back(f);
  }
  // FrontEnd::service is called soon.
  void needs_service(FrontEnd& f) noexcept {
    if (!f.needs_service_.is_linked()) to_service_.push_back(f);
  }
  void front_end_ended() noexcept { look_for_ended_ = true; }

  // For the lane.
  static constexpr std::chrono::seconds kLookForStuck{1};  // the interval while memory is short
  // Registers the memory. Errors: those of Session::register_memory.
  [[nodiscard]] srpi::Result<> register_memory(srpi::Session&);
  [[nodiscard]] std::span<const std::unique_ptr<FrontEnd>> front_ends() const noexcept { return front_ends_; }
  void add(std::unique_ptr<FrontEnd> front_end) { front_ends_.emplace_back(std::move(front_end))->start(); }
  // Destroys the front ends that have ended, each after `report`.
  template<class Report>
  void remove_ended(Report report) {
    if (!std::exchange(look_for_ended_, false)) return;
    std::erase_if(front_ends_, [&](const auto& f) {
      if (!f->has_ended()) return false;
      if (f->keeps_chunk_) --chunk_keepers_;
      memory_is_back_ = true;
      report(*f);
      return true;
    });
  }
  std::size_t service_all();     // returns the number of serviced front ends
  std::size_t resume_waiting();  // returns the number of resumed front ends
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
