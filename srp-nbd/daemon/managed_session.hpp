// SPDX-License-Identifier: Apache-2.0
// A named session of the daemon: its lane and its export.
//
// Life: start → (connecting → publishing → ready), disconnect and reconnect in any order, erase. Disconnect
// and reconnect do not change the export. Only erase, and a start that fails, withdraw it. Units that are found
// later are added to it, and one may be erased alone (ready → adding → ready).
//
// Threads: main thread only. The lane's reports come there by a mailbox (LaneReports). Lifetime: a coroutine of a session
// keeps the session alive until the coroutine ends. The lane ends before the session, by erase or by a start
// that fails.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "control/orders.hpp"
#include "control/reports.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/lane_reports.hpp"
#include "daemon/unit_functions.hpp"
#include "export/export.hpp"
#include "export/kernel_device.hpp"
#include "lane/lane.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {

// Lets coroutines wait until a session is live.
class LiveWaiters {
 public:
  explicit LiveWaiters(Executor executor) : executor_(std::move(executor)), next_(executor_) {}

  // The next call of `settle` settles all tickets that were taken before it.
  using Ticket = Answer<Outcome<>>;
  [[nodiscard]] Ticket ticket() const { return next_; }
  // Returns the outcome that settles the ticket, or connect_timed_out after `time`.
  [[nodiscard]] static awaitable<Outcome<>> wait(Ticket, std::chrono::steady_clock::duration time);

  void settle(const Outcome<>& outcome) { std::exchange(next_, Ticket(executor_)).give(outcome); }
  // Called when an attempt has failed. Code ok means that it was ended on request.
  void fail(const srpi::Error& cause) {
    settle(cause.code == srpi::Errc::ok ? Failure{"no_connect", "disconnected meanwhile"} : Failure{cause});
  }
  // Called when the session becomes `disconnected`. If it was `recovering`, only fast_io_fail is over; a
  // running attempt goes on, and its end is reported.
  void disconnected(srpi::SessionState from, const srpi::Error& cause) {
    if (from != srpi::SessionState::recovering) fail(cause);
  }

 private:
  Executor executor_;
  Ticket next_;
};

class ManagedSession : public std::enable_shared_from_this<ManagedSession> {
 public:
  template<class T = void>
  using Async = awaitable<Outcome<T>>;
  using OnGone = std::function<void(const ManagedSession&)>;

  // `on_gone` is called when the session erased itself (dev_loss) and its export is withdrawn.
  ManagedSession(Executor, EventHub&, KernelDeviceManager&, SessionRequest, OnGone on_gone);

  // With request.wait: returns when everything is published, or with the failure. After a failure nothing is
  // left, and the object can only be destroyed. Without request.wait: returns when the lane runs, and the
  // session keeps trying.
  [[nodiscard]] Async<> start();
  // Withdraws the export, ends the session and its lane.
  [[nodiscard]] Async<> erase();

  // The orders to a started session. All but erase ask the session on the lane's thread; show waits for at most a
  // second.
  [[nodiscard]] Async<SessionAnswer> carry_out(ShowOrder);
  [[nodiscard]] Async<DisconnectAnswer> carry_out(DisconnectOrder);
  // Returns when the session is live or the attempt has failed.
  [[nodiscard]] Async<> carry_out(ReconnectOrder);
  // Returns when the session has looked for further units and those that it has found are published.
  [[nodiscard]] Async<RescanAnswer> carry_out(RescanOrder);
  // Refused (busy) while something uses what the session publishes, unless the order forces it. With a LUN: only this
  // unit, which the session then only keeps proved; a rescan on request publishes it again.
  [[nodiscard]] Async<> carry_out(EraseOrder);
  [[nodiscard]] Async<> carry_out(TargetOrder);
  [[nodiscard]] Async<> carry_out(TargetUnitOrder);
  // abort and reset return when every unit has answered (unit_functions.hpp).
  [[nodiscard]] Async<UnitTaskAnswer> carry_out(AbortOrder order) {
    return run(UnitFunction::abort, order.lun);
  }
  [[nodiscard]] Async<UnitTaskAnswer> carry_out(ResetOrder order) {
    return run(UnitFunction::reset, order.lun);
  }

  // A view in two steps, so that several sessions can be asked at the same time. It is marked stale if the
  // lane does not answer within a second of the question.
  struct AskedStatus {
    Answer<srpi::SessionStatus> status;
    std::chrono::steady_clock::time_point deadline;
  };
  [[nodiscard]] AskedStatus ask_status() const;
  [[nodiscard]] awaitable<SessionView> view(AskedStatus);

  // The first event of a new follower.
  [[nodiscard]] Event present_state() const;
  // The values of the options that change while a session lives (SessionOption::changes_live) are these from now on.
  // Errors: as srpi::Session::change_options.
  [[nodiscard]] awaitable<Outcome<>> change_options(srpi::SessionOptions);
  [[nodiscard]] const SessionRequest& request() const noexcept { return request_; }
  // True if /dev/nbd<index> serves one of its units, or will do so.
  [[nodiscard]] bool has_device(std::uint32_t index) const;
  [[nodiscard]] bool is_erasing() const noexcept { return phase_ == Phase::erasing; }

 private:
  enum class Phase { connecting, publishing, ready, adding, erasing };
  [[nodiscard]] bool is_published() const noexcept {
    return phase_ == Phase::ready || phase_ == Phase::adding;
  }

  // Reports of the lane.
  class Observer;
  [[nodiscard]] std::unique_ptr<LaneObserver> observe_lane();
  // Takes what waits, until nothing does.
  [[nodiscard]] static awaitable<void> take_reports(std::weak_ptr<ManagedSession>);
  void take(LaneReport&);
  void on(Event::Time, const StateReport&);
  void on_live();
  void on_disconnected(srpi::SessionState from, const srpi::Error& cause);
  void on(Event::Time, const FailedAttemptReport&);
  void on(Event::Time, const UnitReport&);
  void on(Event::Time, const UnitNotTakenReport&);
  void on(Event::Time, const UnitEventReport&);
  void on_connection_closed(Event::Time, std::uint64_t connection_id, const srpi::Error& why);

  // Publishes an event of this session, with the members of a unit and a cause if they are given.
  void report(Event, const ExportedUnit* unit = nullptr, std::optional<Failure> cause = {});
  [[nodiscard]] Event event(Event::Time time, EventKind kind) const { return {time, request_.name, kind}; }
  // The unit with its device or URI, if it is published.
  [[nodiscard]] ExportedUnit exported(const srpi::LogicalUnitInfo&) const;
  [[nodiscard]] bool is_exported(std::uint64_t lun) const;
  // Ok when nothing uses the session, or the unit, any more; busy after a second.
  [[nodiscard]] Async<> await_no_users(std::optional<std::uint64_t> lun);
  [[nodiscard]] Async<> erase_unit(std::uint64_t lun, bool force);
  [[nodiscard]] Outcome<> check_erasable(std::uint64_t lun) const;
  [[nodiscard]] UnitView view_of(const ExportedUnit&) const;
  [[nodiscard]] SessionView make_view(bool is_stale) const;

  [[nodiscard]] Outcome<> start_lane();
  [[nodiscard]] static Failure erased_meanwhile();
  [[nodiscard]] Async<> publish();
  // Publishes the units that are not published yet beside the others, one after the other.
  [[nodiscard]] awaitable<void> publish_found();
  [[nodiscard]] Async<> publish_found(srpi::LogicalUnitInfo);
  // Publishes again some time after the failed publication with this number, if there was no other meanwhile.
  [[nodiscard]] static awaitable<void> publish_later(std::weak_ptr<ManagedSession>, std::uint64_t failed);
  [[nodiscard]] awaitable<void> erase_lost();
  [[nodiscard]] awaitable<void> end_lane();
  [[nodiscard]] Async<UnitTaskAnswer> run(UnitFunction, std::optional<std::uint64_t> lun);
  // True while `start` waits for the first login.
  [[nodiscard]] bool is_starting() const noexcept { return request_.wait && !first_login_.is_given(); }
  [[nodiscard]] std::chrono::steady_clock::duration connect_deadline() const;

  const Executor executor_;
  EventHub& events_;
  KernelDeviceManager& devices_;
  SessionRequest request_;
  const OnGone on_gone_;
  Phase phase_ = Phase::connecting;
  Answer<Outcome<>> first_login_;  // ok, or the reason why the session is not live
  Answer<Outcome<>> gone_;         // the result of the running erasure
  LiveWaiters live_waiters_;
  std::shared_ptr<LaneReports> reports_;
  std::vector<srpi::LogicalUnitInfo> units_;
  // By the last report. The status may be newer: it comes with the answers of the lane.
  srpi::SessionState reported_state_ = srpi::SessionState::connecting;
  std::optional<Failure> reported_cause_;
  srpi::SessionStatus last_status_;
  std::uint64_t publications_ = 0;  // also failed ones
  std::optional<Failure> publish_failure_;
  std::map<std::uint64_t, Failure> unit_failures_;  // by LUN: why a unit alone is not published
  std::set<std::uint64_t> erased_units_;            // LUNs that an operator has erased
  Answer<std::monostate> added_;                    // given at the end of the last publish_found
  std::unique_ptr<Lane> lane_;
  // Uses the lane, so it is destroyed first. It exists from the lane's start until the lane is told to end.
  std::shared_ptr<Export> export_;
};

}  // namespace srp_nbd
