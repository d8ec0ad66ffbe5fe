// SPDX-License-Identifier: Apache-2.0
// One run: the real session over the loopback network, the built-in target, an application and a fault
// injector, with a virtual clock that jumps from event to event. One thread, one seed.
//
//   simulation.cpp   the loop over events
//   phases.cpp       the phases of a run: storm, calm, sweep, end
//   checkers.cpp     what is checked after every event
//   network.cpp      faults of deliveries
//   commands.cpp     faults of commands at the target
//   injector.cpp     faults at random moments
//   odd_answers.cpp  one of them: a target with quirks
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "api/session_impl.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "checks.hpp"
#include "disk_model.hpp"
#include "faults.hpp"
#include "journal.hpp"
#include "loopback/network.hpp"
#include "plan.hpp"
#include "session/transitions.hpp"
#include "sim_fabric.hpp"
#include "target/ram_target.hpp"
#include "wire_model.hpp"
#include "workload.hpp"

namespace srpi::sim {

struct SimOptions {
  bool trace = false;
  Canary canary = Canary::none;
};

using RowCounts = std::array<std::uint64_t, session::kStates * session::kEvents>;

class Simulation : public loopback::Scheduler, public SessionObserver {
 public:
  explicit Simulation(const Plan&, SimOptions = {});
  ~Simulation() override;
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  // The whole run: connect, storm, calm, sweep, end. Returns false after a failure.
  bool run();

  // The parts of a run, for scripted scenarios.
  void connect();       // a new session
  void start_faults();  // by the plan's weights
  void end_faults();    // and undoes lasting faults
  bool settle();        // until live over all permitted channels and nothing is outstanding
  bool sweep();         // reads and checks every block
  void tear_down();
  bool finish();  // end_faults, settle, a rescan, sweep and the end of the session
  void rescan();
  bool run_for(base::Duration);
  bool run_until(const std::function<bool()>& done, base::Duration bound);  // false: not within `bound`
  void inject(Fault);                                                       // injects a timed fault now
  target::Outcome lose_writes(
      const target::CommandInfo&);  // the unit loses writes; returns the answer that reports it
  void poll_soon() noexcept {
    session_poll_at_ = std::min(session_poll_at_, clock_.now());
  }  // after a submit

  [[nodiscard]] const Checks& checks() const noexcept { return checks_; }
  [[nodiscard]] const Journal& journal() const noexcept { return journal_; }
  [[nodiscard]] const FaultCounts& faults() const noexcept { return counts_; }
  [[nodiscard]] const RowCounts& rows() const noexcept { return rows_; }
  [[nodiscard]] const session::ChannelHistory& channels() const noexcept { return channels_; }
  [[nodiscard]] std::uint64_t rescans() const noexcept { return rescans_; }
  [[nodiscard]] Workload& workload() noexcept { return *workload_; }
  [[nodiscard]] WireModel& wire() noexcept { return wire_; }
  [[nodiscard]] target::RamTarget& target() noexcept { return *target_; }
  [[nodiscard]] loopback::Network& network() noexcept { return network_; }
  [[nodiscard]] api::SessionImpl& session() noexcept { return *session_; }
  [[nodiscard]] session::State state() const noexcept { return session_->nexus().state(); }
  [[nodiscard]] base::Time now() const noexcept override { return clock_.now(); }
  [[nodiscard]] const base::Clock& clock() const noexcept { return clock_; }  // for another session
  [[nodiscard]] const std::vector<session::State>& states() const noexcept {
    return states_;
  }  // that were told
  [[nodiscard]] const std::vector<Error>& attempt_errors() const noexcept { return attempt_errors_; }

  // A scenario's own faults. Called first for each delivery, command and connection event.
  std::function<std::optional<loopback::Verdict>(const loopback::Delivery&)> on_delivery;
  std::function<std::optional<target::Outcome>(const target::CommandInfo&)> on_command;
  std::function<void(fabric::ConnectionEvent&)> on_connection_event;

 private:
  enum class Timer : std::uint8_t {
    workload,
    fault,
    target_online,
    accept_logins,
    good_login_responses,
    exchange_back,
    answer_again,
    go_on,
    map_again,
    plain_answers,
    fast_session,
    fast_target,
    release_held,
    writable,
    new_session,
  };
  struct Alarm {
    base::Time at;
    Timer what;
    std::uint64_t argument = 0;
  };
  struct Exchange {
    std::uint16_t lun = 0;
    std::vector<std::byte> contents;
  };

  struct Refusal {
    std::uint16_t lun = 0;
    target::Outcome outcome;
  };

  // simulation.cpp
  bool step(base::Time limit);
  void wake() noexcept;
  void poll_target();
  void poll_session();
  void on_alarm(const Alarm&);
  void alarm(base::Duration after, Timer, std::uint64_t argument = 0);
  [[nodiscard]] base::Duration about(base::Duration mean) noexcept;  // uniform from 0 to twice the mean
  void end_session();
  // checkers.cpp
  void check();
  void check_disks();
  void check_resting();
  bool check_rescan();
  [[nodiscard]] bool is_complete() const;
  [[nodiscard]] bool has_unit_away() const;
  // network.cpp
  loopback::Verdict judge(const loopback::Delivery&) noexcept override;
  base::Duration rnr_delay() noexcept override { return std::chrono::microseconds(20); }
  void on_access(const loopback::MemoryAccess& access) noexcept override { workload_->on_access(access); }
  void bend(fabric::ConnectionEvent&);
  [[nodiscard]] fabric::WorkStatus any_error() noexcept;
  [[nodiscard]] bool roll(Fault) noexcept;
  // commands.cpp
  target::Outcome decide(const target::CommandInfo&);
  [[nodiscard]] bool may_lose_writes(const target::CommandInfo&) const noexcept;
  // injector.cpp
  void inject_any();
  void break_units(Fault);
  void break_target_side(Fault);
  void break_logins(Fault);
  void break_network(Fault);
  void administrate(Fault);
  void fail_power();
  void take_unit_away();
  void hang_unit();
  void add_unit();
  void remove_unit();
  void exchange_unit();
  void exchange_back();
  void answer_oddly();  // odd_answers.cpp
  void remove_device();
  [[nodiscard]] std::uint16_t any_lun() noexcept;
  // One of the session's channels; nullopt means all.
  [[nodiscard]] std::optional<target::ChannelNumber> one_or_all() noexcept;
  [[nodiscard]] loopback::ConnectionNumber any_connection() noexcept;

  void on_state(SessionState, SessionState, const Error&) override;
  void on_event(SessionEvent, LogicalUnit*) override;
  void on_attempt_failed(const Error& e) override { attempt_errors_.push_back(e); }

  Plan plan_;
  SimOptions sim_options_;
  base::ManualClock clock_;
  Checks checks_;
  Journal journal_;
  FaultCounts counts_;
  RowCounts rows_{};
  session::ChannelHistory channels_;
  base::Random random_, network_random_, fault_random_;
  loopback::Network network_;
  std::vector<std::shared_ptr<loopback::Device>> devices_;  // of the initiator, including removed ones
  std::unique_ptr<target::RamTarget> target_;
  std::vector<DiskModel> models_;
  WireModel wire_;
  FabricHooks hooks_;
  std::unique_ptr<Workload> workload_;
  SimFabric* fabric_ = nullptr;  // the session's
  std::unique_ptr<api::SessionImpl> session_;
  std::vector<session::State> states_;
  std::vector<Error> attempt_errors_;
  TaskRequest rescan_;  // an administrator's
  bool rescan_is_under_way_ = false;
  std::uint64_t rescans_ = 0;  // that succeeded

  bool faults_on_ = false;
  std::vector<Alarm> alarms_;
  base::Time target_poll_at_ = base::kNever, session_poll_at_ = base::kNever;
  base::Duration target_lag_{}, session_lag_{};
  std::optional<Exchange> exchange_;
  std::optional<Refusal> refusal_;
  target::CommandHook odd_answers_;
  std::uint16_t held_write_ = 0;  // LUN of the last held write
  std::uint64_t steps_ = 0, steps_at_this_time_ = 0, sessions_ = 0, devices_made_ = 0;
};

}  // namespace srpi::sim
