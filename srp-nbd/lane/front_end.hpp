// SPDX-License-Identifier: Apache-2.0
// What a lane hosts: the server of one client of one logical unit. It turns the client's requests into block requests,
// and their completions into replies. The lane gives it turns, memory and a ring (lane_host.hpp), and knows nothing of
// its protocol. frontend/ has the implementations.
//
// Everything here happens on the lane's thread.
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

  // Called once, before everything else.
  virtual void start() = 0;
  // Called in the turn in which LaneHost::needs_service was called, once for all that has completed in that turn.
  virtual void service() = 0;
  // Memory that LaneHost::wait_for_memory waits for is back, perhaps. False: it goes on waiting.
  [[nodiscard]] virtual bool resume() = 0;
  // Chunks are running out: hands on what has come of a request, so that the chunks of that come back.
  virtual void spare_chunks() = 0;
  // What the client has not done since `limit` though others wait for the memory that it holds, for people. nullptr: it
  // holds up nobody. It is asked every now and then.
  [[nodiscard]] virtual const char* stuck_since(Time limit, bool chunks_are_out) = 0;

  // Begins the end. The first reason is kept; code ok: the client has left, or was dropped. Requests under way go on to
  // their end, unanswered.
  void close(srpi::Error why);
  [[nodiscard]] bool is_closing() const noexcept { return is_closing_; }
  [[nodiscard]] const srpi::Error& reason() const noexcept { return reason_; }
  // The object may be destroyed.
  [[nodiscard]] bool has_ended() const noexcept { return is_closing_ && is_at_rest(); }

 protected:
  virtual void on_close() = 0;
  // Nothing of it is in the ring or at the session. LaneHost::front_end_ended tells the lane to ask.
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
