// SPDX-License-Identifier: Apache-2.0
// The I_T nexus: drives the transition table. It holds the channels and at most one attempt, keeps the
// timers, and sees to it that every command completes once, whatever happens to the connections.
//
//   nexus.cpp           the driver of the table
//   nexus_commands.cpp  where commands go, and where they wait
//   nexus_poll.cpp      what a poll looks at
//   nexus_channels.cpp  further channels: their logins, the loss of one, the fence that it takes
//   nexus_proof.cpp     proving the units again
//   nexus_away.cpp      units that are away while others go on
//   nexus_stuck.cpp     those of them that leave everything unanswered
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "fabric/endpoint.hpp"
#include "session/attempt.hpp"
#include "session/channel_names.hpp"
#include "session/contest.hpp"
#include "session/fence.hpp"
#include "session/link.hpp"
#include "session/memory_table.hpp"
#include "session/probe.hpp"
#include "session/transitions.hpp"

namespace srpi::session {

// Of further channels, since the start.
struct ChannelHistory {
  std::uint64_t joins = 0;     // logins that succeeded
  std::uint64_t losses = 0;    // while others lived
  std::uint64_t repeated = 0;  // commands that a lost channel left in doubt, sent again behind the fence
};

class NexusObserver {
 public:
  virtual ~NexusObserver() = default;
  virtual void on_state(State from, State to, const Error& cause) = 0;
  virtual void on_attempt_failed(const Error&) = 0;
  virtual void on_unit_event(std::uint64_t lun, scsi::Event) = 0;  // lun: the 8 SAM bytes
  virtual void on_units_proved() = 0;  // while live: the probe has asked them anew, they may have grown
  // While live: a channel has joined (code ok), was lost, or could not log in (told once in a row).
  virtual void on_channels(std::uint32_t /*live*/, const Error& /*cause*/) {}
};

class Nexus final : private UnitEventSink {
 public:
  Nexus(fabric::Fabric&, const TargetAddress&, const SessionOptions&, const base::Clock&, base::Random,
        Probe&, NexusObserver&);
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
  // What a unit said beside the answer to a command. Where it asks for that, I/O is held from here on until
  // the units have been proved again.
  void on_unit_event(std::uint64_t lun, scsi::Event) noexcept override;
  void on_stuck_unit(std::uint64_t lun, const Channel&) noexcept override;
  // Something about a unit may be different, its cache lost: I/O is held until all are proved again. Also for one
  // that answers that nothing is there, without a word before: what answers there next may be another.
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
  [[nodiscard]] std::uint64_t fds_version() const noexcept { return fds_version_; }

  [[nodiscard]] State state() const noexcept { return state_; }
  // Sends or holds them; otherwise they complete with no_connect.
  [[nodiscard]] bool accepts_commands() const noexcept {
    return state_ == State::live || state_ == State::recovering;
  }
  [[nodiscard]] std::uint32_t channels_wanted() const noexcept {
    return static_cast<std::uint32_t>(links_.size());
  }
  [[nodiscard]] std::uint32_t channels_live() const noexcept {
    return static_cast<std::uint32_t>(live_.size());
  }
  [[nodiscard]] bool is_live(std::uint32_t channel) const noexcept { return links_[channel]->live; }
  [[nodiscard]] const Channel& channel(std::uint32_t i = 0) const noexcept { return links_[i]->channel; }
  // The target has refused one for good: none is asked for before the next login of the session.
  [[nodiscard]] bool channels_refused() const noexcept { return joins_refused_; }
  // Why a channel is missing, or was last; code ok: all have been there since the last login.
  [[nodiscard]] const Error& channel_error() const noexcept { return channel_error_; }
  [[nodiscard]] const ChannelHistory& channel_history() const noexcept { return channel_history_; }
  // Descriptors that a command may carry, over whichever channel.
  [[nodiscard]] std::uint32_t usable_segments() const noexcept { return usable_segments_; }
  [[nodiscard]] const FenceMarks& unfenced() const noexcept { return unfenced_; }
  [[nodiscard]] MemoryTable& memories() noexcept { return memories_; }
  [[nodiscard]] const fabric::Path& path() const noexcept { return path_; }
  [[nodiscard]] const Error& last_error() const noexcept { return last_error_; }
  [[nodiscard]] const PortId& initiator_port_id() const noexcept { return initiator_port_id_; }
  // How often each row of the table was taken, in its order: what the simulator measures its reach by.
  [[nodiscard]] const std::array<std::uint32_t, kStates * kEvents>& rows_taken() const noexcept {
    return rows_taken_;
  }
  [[nodiscard]] std::uint64_t connects() const noexcept { return connects_; }
  [[nodiscard]] std::uint64_t losses() const noexcept { return losses_; }
  // Changes whenever a unit may have lost what its volatile cache had: each login, of a further channel too,
  // each word of a target that something about a unit has changed.
  [[nodiscard]] std::uint64_t cache_epoch() const noexcept { return cache_epoch_; }
  [[nodiscard]] base::Duration last_disconnect() const noexcept { return last_disconnect_; }
  [[nodiscard]] base::Time retry_at() const noexcept { return retry_at_; }
  [[nodiscard]] base::Time fast_io_fail_at() const noexcept { return fast_io_fail_at_; }
  [[nodiscard]] base::Time dev_loss_at() const noexcept { return dev_loss_at_; }

 private:
  void dispatch(Event, const Error& cause = {});
  void perform(Action, const Error& cause);
  void start_attempt();
  [[nodiscard]] base::Duration next_patience() noexcept;
  void schedule_retry();
  void stop_timers() noexcept;
  void close_channels(bool keep_commands);
  [[nodiscard]] base::Duration next_delay(base::Duration&) noexcept;
  void hold(Command&) noexcept;
  void release_held(Errc if_too_late) noexcept;
  void fail_held_overdue(base::Time now) noexcept;
  void fail_held() noexcept;
  std::size_t poll_attempt();
  std::size_t poll_live();
  void take_connection_event(Link&);
  [[nodiscard]] Error eviction() const;
  // nexus_channels.cpp
  void go_live(Link&) noexcept;
  void leave(Link&) noexcept;
  [[nodiscard]] Channel& least_loaded() noexcept;
  [[nodiscard]] std::size_t take_losses();
  void lose_channel(Link&);
  void try_channels_now() noexcept;
  [[nodiscard]] std::size_t poll_join();
  void end_join(AttemptOutcome);
  void drop_join() noexcept;
  [[nodiscard]] base::Time next_join() const noexcept;
  [[nodiscard]] bool fence_is_due() const noexcept;
  void poll_fence();
  void end_fence() noexcept;
  static void on_fence(Tmf&) noexcept;
  void release_doubtful(std::uint64_t lun) noexcept;
  void end_doubtful(CommandList* kept) noexcept;
  // nexus_away.cpp
  void note_away() noexcept;
  void readmit(std::uint64_t lun) noexcept;
  [[nodiscard]] bool turn_away(Command&) noexcept;
  [[nodiscard]] base::Time next_question() const noexcept;
  void ask_away(base::Time now) noexcept;
  void ask_next_away() noexcept;
  static void on_away_answer(Command&) noexcept;
  // nexus_stuck.cpp
  struct StuckReset {
    Tmf task;
    bool sent = false;
    base::Time at{};
  };
  void note_unstuck() noexcept;
  void ask_stuck(bool asked_for = false) noexcept;
  [[nodiscard]] bool may_reset_stuck(std::uint64_t lun, bool asked_for) const noexcept;
  void reset_stuck(std::uint64_t lun) noexcept;
  [[nodiscard]] bool may_be_back_soon(std::uint64_t lun) const noexcept;
  static void on_stuck_answer(Tmf&) noexcept;
  [[nodiscard]] std::uint64_t keepalive_lun() const noexcept;
  // nexus_proof.cpp
  void prove_again() noexcept;
  void poll_proof(base::Time now);
  [[nodiscard]] bool start_proof();
  void end_proof() noexcept;
  std::size_t run_timers();
  void note_waiting(Link&) noexcept;
  void look_for_silence(Link&, base::Time now) noexcept;
  [[nodiscard]] base::Time keepalive_at(const Link&) const noexcept;
  static void on_keepalive(Command&) noexcept;
  [[nodiscard]] bool holds_idle_device() const noexcept;
  void let_device_go() noexcept;
  void reject(Command&, Errc) noexcept;
  std::size_t complete_rejected() noexcept;

  fabric::Fabric& fabric_;
  const SessionOptions& options_;
  const base::Clock& clock_;
  base::Random random_;
  Probe& probe_;
  NexusObserver& observer_;
  LoginIdentity identity_;
  MemoryTable memories_;
  UnitResets resets_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> live_;         // in the order of links_
  Channel* only_ = nullptr;         // the one live channel, where it is one
  FenceMarks unfenced_;             // outlives every connection: only a confirmed reset takes a unit off it
  std::optional<Attempt> attempt_;  // in here, as the other one, so that starting one takes no memory
  bool device_reached_ = true;      // by the last attempt that ended

  // Further channels; one logs in at a time.
  std::optional<Attempt> join_;
  Link* joining_ = nullptr;
  bool joins_refused_ = false;  // until the session's next login, or until somebody asks
  Error channel_error_;
  ChannelHistory channel_history_;
  std::uint32_t usable_segments_ = 1;
  // Of lost channels, sent and not answered, may change the medium: until their units are fenced.
  CommandList doubtful_;
  base::Time fence_at_{};
  Tmf fence_;
  bool fencing_ = false;
  bool fence_outdated_ = false;  // another channel was lost since it began
  std::optional<Error> fence_failure_;

  State state_ = State::connecting;
  Error last_error_;
  fabric::Path path_;
  PortId initiator_port_id_;
  std::uint64_t connects_ = 0, losses_ = 0, fds_version_ = 0, cache_epoch_ = 0;
  base::Duration last_disconnect_{};
  std::array<std::uint32_t, kStates * kEvents> rows_taken_{};

  CommandList held_;      // recovering, proving: to be sent (again) after it
  CommandList rejected_;  // to be completed with the error they have
  TmfList rejected_tasks_;

  // Units that are away, and those that are back and not fenced yet: no I/O goes to them.
  base::LunSet withheld_;
  bool withholding_ = false;  // some
  Command question_;          // whether one of those that are away is back; with that unit's LUN
  bool asking_ = false;
  std::size_t asked_ = 0;  // of this round, in the order of Probe::away
  base::Time ask_at_ = base::kNever;
  base::Duration ask_delay_{};
  std::array<StuckReset, kMostAside> stuck_resets_;
  base::Time reset_stuck_at_{};  // not before
  base::Duration stuck_delay_{};

  base::Duration retry_delay_{};
  base::Duration patience_{};  // of the next automatic attempt after a loss; 0: connect_timeout
  Contest contest_;
  bool proving_ = false;         // while live: the probe runs, I/O is held
  Link* proof_link_ = nullptr;   // over which it runs
  bool proof_is_last_ = false;   // the proof itself, the others have been asked for their attentions
  bool proof_outdated_ = false;  // something has happened since: once more
  base::Time proof_deadline_ = base::kNever;
  base::Time prove_at_{};  // not before
  base::Time held_since_{};
  base::Time next_give_up_ = base::kNever;  // of the held commands, or earlier
  base::Time retry_at_ = base::kNever, fast_io_fail_at_ = base::kNever, dev_loss_at_ = base::kNever;
  base::Time next_control_check_{};
};

}  // namespace srpi::session
