// SPDX-License-Identifier: Apache-2.0
// A lane: a thread that owns one io_uring, one srpi::Session, registered memory, and the front ends that
// serve the session's logical units to clients. Lanes share nothing.
//
// A client's connection does not depend on the session. While the session is down, every request is answered
// with EIO at once; after that, requests work again. Only the client, drop() or the lane's end closes the
// connection.
//
// Threads:
//   any                  start, end, post, host, drop, options
//   any but the lane's   the destructor
//   the lane's           all callbacks, posted work, front ends; none of these may block
// start and the destructor wait for the lane's thread; the others return at once. Posted work (host and
// drop included) is done in the order of posting. Work posted before end() or the destructor is still done.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "lane/lane_options.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

class FrontEnd;
class LaneHost;
class LaneLoop;

// Callbacks may call the lane's post, host and drop, and the session's functions that srpi::SessionObserver
// permits. No callback is called after the lane's destructor has returned. Each may be empty.
struct LaneCallbacks {
  std::function<void(srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause)> on_state;
  std::function<void(const srpi::Error&)> on_attempt_failed;
  std::function<void(srpi::LogicalUnit&, const srpi::UnitChange&)> on_logical_unit;
  // The unit is null if the session does not use it.
  std::function<void(srpi::SessionEvent, const srpi::LogicalUnit*)> on_event;
  // Called once for each host(). Code ok: the client disconnected between two requests, or drop() was called.
  // Other codes: the lane has no such LUN or no place for the connection, or the client violated the
  // protocol.
  std::function<void(std::uint64_t connection_id, const srpi::Error& why)> on_connection_closed;
};

// Called on the lane's thread. `requests` is the limit of concurrent requests.
using MakeFrontEnd = std::function<std::unique_ptr<FrontEnd>(
    LaneHost&, srpi::LogicalUnit&, std::uint64_t connection_id, std::uint32_t requests)>;

class Lane {
 public:
  using SessionFactory = std::function<srpi::Result<std::unique_ptr<srpi::Session>>(srpi::SessionObserver*)>;

  // Starts the thread and the session on it. Returns when the session has begun to connect; the outcome comes
  // by on_state, which may be called before this returns. Errors: those of Session::create; invalid_argument
  // (LaneOptions::validate); no_memory, with the limit in its text; not_supported if io_uring is disabled.
  [[nodiscard]] static srpi::Result<std::unique_ptr<Lane>> start(const srpi::TargetAddress&,
                                                                 const srpi::SessionOptions&, LaneCallbacks,
                                                                 LaneOptions = {});
  // The same with a session from `factory`, which runs on the lane's thread.
  [[nodiscard]] static srpi::Result<std::unique_ptr<Lane>> start(SessionFactory factory, LaneCallbacks,
                                                                 LaneOptions = {});
  // Closes every connection, erases the session, ends the thread, and waits for all that. A call that hangs
  // on the lane's thread makes it wait as long, unless end() has reported the end before.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Starts what the destructor does, but does not wait. The thread calls `ended` as its last action. May be
  // called once. Later posted work is not run.
  void end(std::function<void()> ended);

  // Runs `work` on the lane's thread, soon.
  void post(std::function<void(srpi::Session&)> work);

  // Makes a front end for the unit with that number and hosts it. The caller chooses connection_id, which
  // must not be in use in this lane.
  void host(std::uint64_t connection_id, std::uint64_t lun, MakeFrontEnd);
  // Closes that connection. Requests in progress continue, but are not answered. Unknown ids are ignored.
  void drop(std::uint64_t connection_id);

  [[nodiscard]] const LaneOptions& options() const noexcept;

 private:
  explicit Lane(std::unique_ptr<LaneLoop>);

  std::unique_ptr<LaneLoop> loop_;
};

}  // namespace srp_nbd
