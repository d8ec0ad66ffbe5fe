// SPDX-License-Identifier: Apache-2.0
// A lane: one thread that owns one io_uring, one srpi::Session, registered memory, and the front ends that serve the
// session's logical units to clients. Lanes share nothing.
//
// A client's connection is never tied to the session. While the session is down every request is answered with EIO at
// once; when the session is back requests are served again. Only the client, drop() or the lane's end closes the
// connection.
//
// Threads:
//   any                  start, end, post, call, host, drop, options
//   any but the lane's   the destructor
//   the lane's           all callbacks, posted work, front ends; none of these may block
// start, call and the destructor wait for the lane's thread; the others return at once. What is posted (host and drop
// included) is done in the order of posting. What was posted before end() or the destructor is still done.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "lane/lane_options.hpp"
#include "srpi/session.hpp"

namespace srp_nbd {

class FrontEnd;
class LaneHost;
class LaneLoop;

// They may call the lane's post, host and drop, and of the session what srpi::SessionObserver permits. None is called
// after the lane's destructor has returned. Any may be empty.
struct LaneCallbacks {
  std::function<void(srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause)> on_state;
  std::function<void(const srpi::Error&)> on_attempt_failed;
  std::function<void(srpi::LogicalUnit&)> on_logical_unit;  // found, its size grew, away or back
  // Null: the event is about a unit that the session does not use.
  std::function<void(srpi::SessionEvent, const srpi::LogicalUnit*)> on_event;
  // Once for each host(). Code ok: the client said goodbye or hung up between two requests, or drop() was called.
  // Other codes say why: the lane has no such LUN, no place for it, or the client broke the protocol.
  std::function<void(std::uint64_t connection_id, const srpi::Error& why)> on_connection_closed;
};

// Called on the lane's thread. `requests`: how many may be under way at a time.
using MakeFrontEnd = std::function<std::unique_ptr<FrontEnd>(
    LaneHost&, srpi::LogicalUnit&, std::uint64_t connection_id, std::uint32_t requests)>;

class Lane {
 public:
  using SessionFactory = std::function<srpi::Result<std::unique_ptr<srpi::Session>>(srpi::SessionObserver*)>;

  // Starts the thread and, on it, the session; returns when the session has begun to connect (its outcome comes by
  // on_state, which may be called before this returns). Errors: those of Session::create; invalid_argument
  // (LaneOptions::validate); no_memory, naming the limit; not_supported where io_uring is switched off.
  [[nodiscard]] static srpi::Result<std::unique_ptr<Lane>> start(const srpi::TargetAddress&,
                                                                 const srpi::SessionOptions&, LaneCallbacks,
                                                                 LaneOptions = {});
  // The same over a session made by `factory`, which runs on the lane's thread.
  [[nodiscard]] static srpi::Result<std::unique_ptr<Lane>> start(SessionFactory factory, LaneCallbacks,
                                                                 LaneOptions = {});
  // Closes every connection, erases the session, ends the thread. It waits for all that, which takes as long as a call
  // that hangs on the lane's thread, unless end() has told that it is done.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Begins what the destructor does, and does not wait: `ended` is called as the last thing that the thread does. Once;
  // what is posted later is not run.
  void end(std::function<void()> ended);

  // Runs `work` on the lane's thread, soon.
  void post(std::function<void(srpi::Session&)> work);

  // The same, and waits for what it returns: for callers that may block. On the lane's own thread it runs at once.
  template<class F>
  auto call(F work) -> std::invoke_result_t<F, srpi::Session&> {
    if (on_lane_thread()) return work(session());
    using Task = std::packaged_task<std::invoke_result_t<F, srpi::Session&>(srpi::Session&)>;
    auto task = std::make_shared<Task>(std::move(work));  // both threads may be the last to touch it
    auto result = task->get_future();
    post([task](srpi::Session& s) { (*task)(s); });
    return result.get();
  }

  // Makes a front end for the unit with that number and hosts it. connection_id: the caller's, not in use in this lane.
  void host(std::uint64_t connection_id, std::uint64_t lun, MakeFrontEnd);
  // Closes that connection; requests under way run to their end, unanswered. Unknown ids are ignored.
  void drop(std::uint64_t connection_id);

  [[nodiscard]] const LaneOptions& options() const noexcept;

 private:
  explicit Lane(std::unique_ptr<LaneLoop>);
  [[nodiscard]] bool on_lane_thread() const noexcept;
  [[nodiscard]] srpi::Session& session() const noexcept;

  std::unique_ptr<LaneLoop> loop_;
};

}  // namespace srp_nbd
