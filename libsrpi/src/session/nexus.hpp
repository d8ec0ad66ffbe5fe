// SPDX-License-Identifier: Apache-2.0
// The I_T nexus: drives the transition table and owns the timers. It sees to it that every command completes once,
// whatever happens to the connections.
//
// What it knows stands in its parts, each with a state of its own: ChannelSet (which channels are live), Joins (logins of
// further channels), Attempt (the session's own login), HeldCommands and EndedCommands (what waits here), FenceMarks and
// LateFence (old writes), AwayUnits (units that no I/O goes to), LiveProof (proving the units while live). The parts say
// what has happened; the nexus decides what follows.
//
//   nexus.cpp       the driver of the table
//   nexus_io.cpp    commands: where they go, and what becomes of them when a channel ends
//   nexus_poll.cpp  what a poll looks at, and when it has to be called next
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

namespace srpi::session {

// What has happened to a session so far.
struct SessionRecord {
  Error last_error;
  fabric::Path path;
  PortId initiator_port_id;
  std::uint64_t connects = 0, losses = 0;
  base::Duration last_disconnect{};
  // How often each row of the table was taken, in its order: what the simulator measures its reach by.
  std::array<std::uint32_t, kStates * kEvents> rows_taken{};
  std::uint64_t fds_version = 0;
  // Changes whenever a unit may have lost what its volatile cache had: each login, of a further channel too, each word
  // of a target that something about a unit has changed.
  std::uint64_t cache_epoch = 0;
  bool device_reached = true;  // by the last attempt that ended
};

class Nexus final : private UnitEventSink {
 public:
  Nexus(fabric::Fabric&, const TargetAddress&, const SessionOptions&, const base::Clock&, base::Random,
        Proof&, NexusObserver&);
  ~Nexus() override;

  // Administrator's events; each returns when its effect is complete, but for the attempt that reconnect starts.
  void disconnect();
  void reconnect();
  void erase();

  // The command completes in a later poll or flush, or when the state changes; never from within.
  void submit(Command&) noexcept;
  // A reset of a unit, over all channels. Where the session is not live it completes with no_connect.
  void submit(Tmf&) noexcept;
  // Ends all commands of the unit, with `cancelled` unless they are answered; see Channel::abort_unit.
  void abort_unit(std::uint64_t lun) noexcept;
  // What a unit said beside the answer to a command. Where it asks for that, I/O is held from here on until the units
  // have been proved again.
  void on_unit_event(std::uint64_t lun, scsi::Event) noexcept override;
  // Something about a unit may be different, its cache lost: I/O is held until all are proved again. Also for one that
  // answers that nothing is there, without a word before: what answers there next may be another.
  void doubt_units() noexcept;
  std::size_t poll();
  void flush() noexcept;
  // Whether a poll would have something to do now, without waiting for anything from outside.
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;
  // Asks for wake-ups; false: there is something already.
  [[nodiscard]] bool arm() noexcept;
  void append_fds(std::vector<int>&) const;
  // Changes whenever append_fds would answer differently.
  [[nodiscard]] std::uint64_t fds_version() const noexcept { return record_.fds_version + joins_.changes(); }

  [[nodiscard]] State state() const noexcept { return state_; }
  // Sends or holds them; otherwise they complete with no_connect.
  [[nodiscard]] bool accepts_commands() const noexcept {
    return state_ == State::live || state_ == State::recovering;
  }
  [[nodiscard]] const SessionRecord& record() const noexcept { return record_; }
  [[nodiscard]] const RecoveryTimers& timers() const noexcept { return timers_; }
  [[nodiscard]] const ChannelSet& channels() const noexcept { return channels_; }
  // The target has refused a further channel for good: none is asked for before the next login of the session.
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
  void on_proved(std::span<const ProvedUnit>) noexcept;
  // nexus_poll.cpp
  std::size_t poll_attempt();
  void end_attempt(AttemptOutcome);
  std::size_t poll_live();
  void take_answers(base::Time now) noexcept;
  void poll_proof(base::Time now);
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
  std::optional<Attempt> attempt_;  // in here, so that starting one takes no memory
  HeldCommands held_;               // while recovering, and during a proof
  EndedCommands ended_;
  LateFence late_fence_;
  LiveProof proof_;
  RecoveryTimers timers_;
  Contest contest_;
  State state_ = State::connecting;
  SessionRecord record_;
};

}  // namespace srpi::session
