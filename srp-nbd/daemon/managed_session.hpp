// SPDX-License-Identifier: Apache-2.0
// A named session of the daemon: its lane and its export.
//
// Life: start → (connecting → publishing → ready), disconnect and reconnect in any order, erase. Disconnect
// and reconnect do not change the export. Only erase, and a start that fails, withdraw it.
//
// Threads: main thread only. The lane's thread posts its reports there. Lifetime: a coroutine of a session
// keeps the session alive until the coroutine ends. The lane ends before the session, by erase or by a start
// that fails.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "control/event.hpp"
#include "control/session_request.hpp"
#include "control/session_view.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/live_waiters.hpp"
#include "daemon/on_lane.hpp"
#include "daemon/session_reporter.hpp"
#include "daemon/unit_functions.hpp"
#include "export/export.hpp"
#include "lane/lane.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {

class ManagedSession : public std::enable_shared_from_this<ManagedSession> {
 public:
  using MakeExport = std::function<std::shared_ptr<Export>(Lane&, const SessionRequest&)>;

  using OnGone = std::function<void(const ManagedSession&)>;

  // `on_gone` is called when the session erased itself (dev_loss) and its export is withdrawn.
  ManagedSession(boost::asio::any_io_executor, EventHub&, SessionRequest, MakeExport, OnGone on_gone);

  // With request.wait: returns when everything is published, or with the failure. After a failure nothing is
  // left, and the object can only be destroyed. Without request.wait: returns when the lane runs, and the
  // session keeps trying.
  [[nodiscard]] boost::asio::awaitable<Outcome<>> start();
  // Returns the duration.
  [[nodiscard]] boost::asio::awaitable<Outcome<std::chrono::nanoseconds>> disconnect();
  // Returns when the session is live or the attempt has failed.
  [[nodiscard]] boost::asio::awaitable<Outcome<>> reconnect();
  // Withdraws the export, ends the session and its lane.
  [[nodiscard]] boost::asio::awaitable<Outcome<>> erase();
  [[nodiscard]] boost::asio::awaitable<Outcome<>> set_ram_target_online(bool);
  // Returns when every unit has answered (unit_functions.hpp) or the session is erased.
  [[nodiscard]] boost::asio::awaitable<Outcome<UnitFunctionReport>> run(UnitFunction,
                                                                        std::optional<std::uint64_t> lun);

  // A view in two steps, so that several sessions can be asked at the same time. It is marked stale if the
  // lane does not answer by the deadline.
  using AskedStatus = Answer<srpi::SessionStatus>;
  [[nodiscard]] AskedStatus ask_status() const;
  [[nodiscard]] boost::asio::awaitable<SessionView> view(AskedStatus,
                                                         std::chrono::steady_clock::time_point deadline);

  // The first event of a new follower.
  [[nodiscard]] Event present_state() const { return reporter_.present_state(); }
  [[nodiscard]] const SessionRequest& request() const noexcept { return request_; }
  // True if /dev/nbd<index> serves one of its units, or will do so.
  [[nodiscard]] bool has_device(std::uint32_t index) const;
  [[nodiscard]] bool is_erasing() const noexcept { return phase_ == Phase::erasing; }

 private:
  enum class Phase { connecting, publishing, ready, erasing };

  // Reports of the lane.
  class LaneReports;
  [[nodiscard]] std::unique_ptr<LaneObserver> lane_reports();
  void on_state(Event::Time, srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause);
  void on_live();
  void on_disconnected(srpi::SessionState from, const srpi::Error& cause);
  void on_attempt_failed(Event::Time, const srpi::Error&);
  void on_logical_unit(Event::Time, const srpi::LogicalUnitInfo&, const srpi::UnitChange&);

  [[nodiscard]] Outcome<> start_lane();
  [[nodiscard]] boost::asio::awaitable<Outcome<>> publish();
  [[nodiscard]] boost::asio::awaitable<void> erase_lost();
  [[nodiscard]] boost::asio::awaitable<void> end_lane();
  // True while `start` waits for the first login.
  [[nodiscard]] bool is_starting() const noexcept { return request_.wait && !first_login_.is_given(); }
  [[nodiscard]] std::chrono::steady_clock::duration connect_deadline() const;
  // The unit with its device or URI, if it is published.
  [[nodiscard]] ExportedUnit exported(const srpi::LogicalUnitInfo&) const;
  [[nodiscard]] SessionView make_view(bool is_stale) const;

  const boost::asio::any_io_executor executor_;
  const SessionRequest request_;
  const MakeExport make_export_;
  const OnGone on_gone_;
  SessionReporter reporter_;
  Phase phase_ = Phase::connecting;
  Answer<Outcome<>> first_login_;  // ok, or the reason why the session is not live
  Answer<Outcome<>> gone_;         // the result of the running erasure
  LiveWaiters live_waiters_;
  std::vector<srpi::LogicalUnitInfo> units_;
  srpi::SessionStatus last_status_;
  std::optional<Failure> publish_failure_;
  std::unique_ptr<Lane> lane_;
  // Uses the lane, so it is destroyed first. It exists from the lane's start until the lane is told to end.
  std::shared_ptr<Export> export_;
};

}  // namespace srp_nbd
