// SPDX-License-Identifier: Apache-2.0
// A lane: one thread that owns one io_uring, one srpi::Session, one pool of registered memory, and the NBD
// connections that are served from that session's logical units. Lanes share nothing.
//
// An NBD connection is never tied to the session: while the session is down every request is answered with
// EIO at once, and served again when the session is back. Only the client, drop() or the lane's end closes a
// connection.
//
// All functions here may be called from any thread. None but start, call and the destructor waits for the
// lane. start, post, call, serve and drop throw std::bad_alloc, and have done nothing then (serve closes the
// descriptor). Posted work that throws it is dropped; a connection that there is no memory for is refused
// with no_memory.
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

// Called on the lane's thread; must not block, may call the lane's post, serve and drop, and of the session what
// srpi::SessionObserver permits. None is called after the lane's destructor has returned. Any may be empty.
struct LaneCallbacks {
  std::function<void(srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause)> on_state;
  std::function<void(const srpi::Error&)> on_attempt_failed;
  std::function<void(srpi::LogicalUnit&)> on_logical_unit;  // found, its size grew, away or back
  // Null: the event is about a unit that the session does not use.
  std::function<void(srpi::SessionEvent, const srpi::LogicalUnit*)> on_event;
  // Once for each serve(). Code ok: the client said goodbye or hung up between two requests, or drop() was called.
  // Else why: the lane has no such LUN, no place for it, or the client broke the protocol.
  std::function<void(std::uint64_t connection_id, const srpi::Error& why)> on_connection_closed;
};

struct ServeOptions {
  bool read_only = false;  // refuse writes even where the unit takes them
};

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
  // Closes every connection, erases the session, ends the thread. Not from the lane's own thread. Waits for all that,
  // which takes as long as a call that hangs on the lane's thread, unless end() has told that it is done.
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Begins what the destructor does, and does not wait: `ended` is called on the lane's thread, as the last thing it
  // does. Once; what is posted later is not run. std::bad_alloc out of this: the lane goes on.
  void end(std::function<void()> ended);

  // Runs `work` on the lane's thread, soon, in the order of posting. Work that was posted before the destructor was
  // called is still run.
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

  // Takes `fd`, a stream socket in NBD's transmission phase, and serves the unit with that number on it. The lane
  // closes it in the end, however that comes. connection_id: the caller's, not in use in this lane.
  void serve(std::uint64_t connection_id, int fd, std::uint64_t lun, ServeOptions = {});
  // Closes that connection; requests under way run to their end, unanswered. Unknown ids are ignored.
  void drop(std::uint64_t connection_id);

  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }

  class Loop;  // what runs on the thread

 private:
  Lane(LaneOptions, std::unique_ptr<Loop>);
  [[nodiscard]] bool on_lane_thread() const noexcept;
  [[nodiscard]] srpi::Session& session() const noexcept;

  const LaneOptions options_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace srp_nbd
