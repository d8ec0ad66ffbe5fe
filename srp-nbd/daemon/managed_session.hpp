// SPDX-License-Identifier: Apache-2.0
// One named session of the daemon: the lane that runs it, and what it publishes. Lives on the main thread; what the
// lane's thread reports is posted there first.
//
// Life: start → (connecting → publishing → ready), disconnect and reconnect in any order, erase. Disconnect and
// reconnect never touch what is published; only erase, and a start that fails, take it away.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/session_request.hpp"
#include "control/session_view.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/live_waiters.hpp"
#include "daemon/publication.hpp"
#include "daemon/session_reporter.hpp"
#include "daemon/unit_tasks.hpp"
#include "lane/lane.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class ManagedSession : public std::enable_shared_from_this<ManagedSession> {
 public:
  using Done = std::function<void(Outcome<>)>;
  using DisconnectDone = std::function<void(Outcome<std::chrono::nanoseconds>)>;
  using TaskDone = std::function<void(Outcome<UnitTaskReport>)>;
  using ViewDone = std::function<void(SessionView)>;

  // `on_gone`: the session erased itself (dev_loss) and has taken away all it published.
  ManagedSession(boost::asio::any_io_executor, KernelDeviceManager&, EventHub&, SessionRequest,
                 std::function<void()> on_gone);

  // With request.wait: done once everything is published, or with the failure, after which nothing is left and the
  // object can only be destroyed. Without: done as soon as the lane runs, and the session keeps trying.
  void start(Done);
  void disconnect(DisconnectDone);
  // Done when it is live again, or when the attempt has failed.
  void reconnect(Done);
  // Takes away all it published, ends the session and its lane.
  void erase(Done);
  void set_ram_target_online(bool, Done);
  // Done when each unit has answered (unit_tasks.hpp), or the session was erased.
  void run_unit_task(UnitTask, std::optional<std::uint64_t> lun, TaskDone);
  // Answers within a second, marked stale if the lane does not.
  void view(ViewDone);
  // The event a follower begins with.
  [[nodiscard]] Event present_state() const { return reporter_.present_state(); }

  [[nodiscard]] const SessionRequest& request() const noexcept { return request_; }
  // /dev/nbd<index> serves one of its units, or is to do so.
  [[nodiscard]] bool has_device(std::uint32_t index) const;
  [[nodiscard]] bool is_erasing() const noexcept { return phase_ == Phase::erasing; }

 private:
  enum class Phase { connecting, publishing, ready, erasing };

  // What the lane reports.
  LaneCallbacks lane_callbacks();
  void on_state(Event::Time, srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause);
  void on_attempt_failed(Event::Time, const srpi::Error&);
  void on_logical_unit(Event::Time, const srpi::LogicalUnitInfo&, const srpi::UnitChange&);

  // Takes the publication and the lane away, and does not wait for the lane's thread; `gone` is called at home.
  // std::bad_alloc comes of its argument alone.
  void end_lane(std::function<void()> gone);
  void publish();
  void finish_start(Outcome<>);
  void await_live(srpi::SessionState, Done);
  [[nodiscard]] std::chrono::steady_clock::duration connect_deadline() const;
  void settle_erase(const Outcome<>&);
  [[nodiscard]] SessionView make_view(const srpi::SessionStatus&, bool is_stale) const;

  boost::asio::any_io_executor executor_;
  KernelDeviceManager& devices_;
  const SessionRequest request_;
  SessionReporter reporter_;
  std::function<void()> on_gone_;
  Phase phase_ = Phase::connecting;
  Done start_done_;
  boost::asio::steady_timer start_deadline_;
  LiveWaiters reconnect_waiters_;
  std::vector<Done> erase_waiters_;
  std::vector<srpi::LogicalUnitInfo> units_;
  srpi::SessionStatus last_status_;
  std::optional<Failure> publish_failure_;
  std::unique_ptr<Lane> lane_;
  // Uses the lane: destroyed first. There whenever the lane is, until that is told to end.
  std::unique_ptr<Publication> publication_;
};

}  // namespace srp_nbd
