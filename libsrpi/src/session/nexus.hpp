// SPDX-License-Identifier: Apache-2.0
// The I_T nexus. It drives the transition table, and makes sure that every command completes once.
//
// Its parts have their own states: ChannelSet (live channels), Joins (logins of further channels), Attempt (the
// session's own login), HeldCommands and EndedCommands (waiting commands), FenceMarks and LateFence (old writes),
// AwayUnits, LiveProof, Rescan (the search for further units). They report events, and the nexus decides what follows.
//
//   nexus.cpp       the driver of the table
//   nexus_io.cpp    where commands go, and what becomes of them when a channel ends
//   nexus_poll.cpp  the work of a poll, and when the next one is due
#pragma once

#include <array>

#include "session/contest.hpp"
#include "session/ended_commands.hpp"
#include "session/fate.hpp"
#include "session/held_commands.hpp"
#include "session/late_fence.hpp"
#include "session/live_proof.hpp"
#include "session/nexus_observer.hpp"
#include "session/recovery_timers.hpp"
#include "session/rescan.hpp"

namespace srpi::session {

// The history of a session.
struct SessionRecord {
  Error last_error;
  fabric::Path path;
  PortId initiator_port_id;
  std::uint64_t connects = 0, losses = 0;
  base::Duration last_disconnect{};
  // How often each row of the table was taken, in its order. The simulator measures its coverage by it.
  std::array<std::uint32_t, kStates * kEvents> rows_taken{};
  std::uint64_t fds_version = 0;
  // Changes whenever a unit may have lost its volatile cache: with each login, also of a further channel, with
  // each report that something about a unit changed, and with each unit that was away and is back.
  std::uint64_t cache_epoch = 0;
  bool device_reached = true;  // the last attempt has found its device
};

class Nexus final : private UnitEventSink {
 public:
  Nexus(fabric::Fabric&, const TargetAddress&, const SessionOptions&, const base::Clock&, base::Random,
        Proof&, NexusObserver&);
  ~Nexus() override;

  // The administrator's events. Each returns when its effect is complete; only the attempt of reconnect goes
  // on.
  void disconnect();
  void reconnect();
  void erase();
  // Proves the units and searches for further ones: now, or after the next login. on_search_ended tells the end.
  void rescan() noexcept;
  // False: no login is under way or to come soon, and so no search.
  [[nodiscard]] bool may_rescan() const noexcept { return accepts_commands() || state_ == State::connecting; }

  // The command completes in a later poll, in abort_unit, or when the state changes, but not during the call.
  void submit(Command&) noexcept;
  // Resets a unit over all channels. Completes with no_connect if the session is not live.
  void submit(Tmf&) noexcept;
  // Ends all commands of the unit with `cancelled`, unless they are answered; see Channel::abort_unit.
  void abort_unit(std::uint64_t lun) noexcept;
  // Called when a unit reports an event. If it needs a proof, I/O is held until the units are proved again.
  void on_unit_event(std::uint64_t lun, scsi::Event) noexcept override;
  // Something about a unit may have changed, or its cache may be lost, so I/O is held until all units are proved again.
  // Also called when a unit is suddenly missing, because a different unit may answer there next.
  void doubt_units() noexcept;
  std::size_t poll();
  void flush() noexcept;
  // True if a poll has work now, without an outside event.
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;
  // Asks for wake-ups. Returns false if there is work already.
  [[nodiscard]] bool arm() noexcept;
  void append_fds(std::vector<int>&) const;
  // Changes whenever the list of append_fds changes.
  [[nodiscard]] std::uint64_t fds_version() const noexcept { return record_.fds_version + joins_.changes(); }

  [[nodiscard]] State state() const noexcept { return state_; }
  // True if commands are sent or held. Otherwise they complete with no_connect.
  [[nodiscard]] bool accepts_commands() const noexcept {
    return state_ == State::live || state_ == State::recovering;
  }
  [[nodiscard]] const SessionRecord& record() const noexcept { return record_; }
  [[nodiscard]] const RecoveryTimers& timers() const noexcept { return timers_; }
  [[nodiscard]] const ChannelSet& channels() const noexcept { return channels_; }
  // True if the target has refused a further channel for good. The session asks again at its next login.
  [[nodiscard]] bool channels_refused() const noexcept { return joins_.refused(); }
  [[nodiscard]] const FenceMarks& marks() const noexcept { return marks_; }
  [[nodiscard]] const AwayUnits& units() const noexcept { return units_; }
  [[nodiscard]] MemoryTable& memories() noexcept { return memories_; }

 private:
  // nexus.cpp
  void dispatch(Event, const Error& cause = {});
  void perform(Action, const Error& cause);
  void start_attempt();
  void become_live();
  void lose();
  void tear_down();
  [[nodiscard]] Error eviction() const;
  // nexus_io.cpp
  void release_held(Errc if_too_late) noexcept;
  void end_channel(Link&, Aftermath, Fates&) noexcept;
  void end_channels(Aftermath) noexcept;
  void lose_channel(Link&);
  [[nodiscard]] std::optional<Error> on_fence_result(LateFence::Result) noexcept;
  void on_stuck_unit(std::uint64_t lun, const Channel&) noexcept override;
  void prove_again() noexcept;
  void want_search() noexcept;
  void on_proved(std::span<const ProvedUnit>) noexcept;
  // nexus_poll.cpp
  std::size_t poll_attempt();
  void end_attempt(const AttemptOutcome&);
  std::size_t poll_live();
  void take_answers(base::Time now) noexcept;
  void poll_proof(base::Time now);
  std::size_t poll_rescan(base::Time now);
  [[nodiscard]] std::size_t take_losses(const std::optional<Error>& failure);
  [[nodiscard]] std::size_t poll_join(base::Time now);
  std::size_t run_timers();
  [[nodiscard]] bool holds_idle_device() const noexcept;
  void let_device_go() noexcept;

  const SessionOptions& options_;
  const base::Clock& clock_;
  NexusObserver& observer_;
  base::Random random_;
  MemoryTable memories_;
  FenceMarks marks_;
  AwayUnits units_;
  LoginContext context_;
  ChannelSet channels_;
  Joins joins_;
  std::optional<Attempt> attempt_;  // a member, so that starting an attempt needs no memory
  HeldCommands held_;               // during an outage or a proof
  EndedCommands ended_;
  LateFence late_fence_;
  LiveProof proof_;
  Rescan rescan_;
  RecoveryTimers timers_;
  Contest contest_;
  State state_ = State::connecting;
  SessionRecord record_;
};

}  // namespace srpi::session
