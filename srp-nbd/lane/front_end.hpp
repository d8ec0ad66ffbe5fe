// SPDX-License-Identifier: Apache-2.0
// A front end serves one client of one logical unit. It turns the client's requests into block requests, and
// their completions into replies. The lane gives it turns, memory and a ring (lane_host.hpp), and does not
// know its protocol. frontend/ has the implementations.
//
// All functions are called on the lane's thread.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

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
  // Called once in the turn in which LaneHost::needs_service was called, for all completions of that turn.
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
  Hook waits_for_memory_;
  Hook needs_service_;
  srpi::Error reason_;
};

}  // namespace srp_nbd
