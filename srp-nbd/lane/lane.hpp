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
//   the lane's           the observer, posted work, front ends; none of these may block
// start and the destructor wait for the lane's thread; the others return at once. Posted work (host and
// drop included) is done in the order of posting. Work posted before end() or the destructor is still done.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lane/lane_host.hpp"
#include "srpi/session.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

// Gets the reports of the session and of the lane. Its functions may call the lane's post, host and drop, and
// the session's functions that srpi::SessionObserver permits.
class LaneObserver : public srpi::SessionObserver {
 public:
  // Called once for each host(). Code ok: the client disconnected between two requests, or drop() was called.
  // Other codes say why the lane ended or refused the connection.
  virtual void on_connection_closed(std::uint64_t connection_id, const srpi::Error& why) = 0;
};

// Called on the lane's thread. `requests` is the limit of concurrent requests.
using MakeFrontEnd = std::function<std::unique_ptr<FrontEnd>(
    LaneHost&, srpi::LogicalUnit&, std::uint64_t connection_id, std::uint32_t requests)>;

class Lane {
 public:
  // Called on the lane's thread.
  using SessionFactory = std::function<srpi::Result<std::unique_ptr<srpi::Session>>(srpi::SessionObserver*)>;
  using Work = std::function<void(srpi::Session&)>;

  // Starts the thread and the session on it. Returns when the session has begun to connect; the outcome comes
  // by on_state, which may be called before this returns. The observer is destroyed with the lane. Errors:
  // those of the factory; no_memory, with the limit in its text; not_supported if io_uring is disabled.
  [[nodiscard]] static srpi::Result<std::unique_ptr<Lane>> start(const SessionFactory&,
                                                                 std::unique_ptr<LaneObserver>,
                                                                 LaneOptions = {});
  // Closes every connection, erases the session, ends the thread, and waits for all that. A call that hangs
  // on the lane's thread makes it wait as long, unless end() has reported the end before.
  ~Lane();

  // Starts what the destructor does, but does not wait. The thread calls `ended` as its last action. May be
  // called once. Work that is posted later may or may not run.
  void end(std::function<void()> ended);

  // Runs `work` on the lane's thread, soon.
  void post(Work work);

  // Makes a front end for the unit with that number and hosts it. The caller chooses connection_id, which
  // must not be in use in this lane.
  void host(std::uint64_t connection_id, std::uint64_t lun, MakeFrontEnd);
  // Closes that connection. Requests in progress continue, but are not answered. Unknown ids are ignored.
  void drop(std::uint64_t connection_id);

  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }

 private:
  Lane(std::unique_ptr<LaneObserver>, LaneOptions);
  void thread_main(const SessionFactory&, std::promise<srpi::Result<>>&) noexcept;
  [[nodiscard]] srpi::Result<> set_up(const SessionFactory&);
  void run();
  std::size_t run_posted();
  void sleep();

  const LaneOptions options_;
  const std::unique_ptr<LaneObserver> observer_;
  std::thread thread_;

  std::mutex posted_mutex_;  // guards posted_, the only member that several threads change
  std::vector<Work> posted_;
  const UniqueFd wake_;  // an eventfd, readable when posted_ becomes non-empty

  // Used by the thread only. The host ends before the session, because its memory is registered there.
  std::unique_ptr<srpi::Session> session_;
  std::optional<LaneHost> host_;
  RingOperation woken_{this, [](void*, int) {}};
  RingOperation session_ready_{this, [](void*, int) {}};
  bool is_stopping_ = false;
  std::function<void()> ended_;
};

}  // namespace srp_nbd
