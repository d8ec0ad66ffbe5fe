// SPDX-License-Identifier: Apache-2.0
// The I_T nexus: drives the transition table. It holds the one channel and at most one attempt, keeps the timers, and
// sees to it that every command completes once, whatever happens to the connection.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "fabric/endpoint.hpp"
#include "session/attempt.hpp"
#include "session/channel.hpp"
#include "session/contest.hpp"
#include "session/memory_table.hpp"
#include "session/probe.hpp"
#include "session/transitions.hpp"

namespace srpi::session {

class NexusObserver {
 public:
  virtual ~NexusObserver() = default;
  virtual void on_state(State from, State to, const Error& cause) = 0;
  virtual void on_attempt_failed(const Error&) = 0;
  virtual void on_unit_event(std::uint64_t lun, scsi::Event) = 0;  // lun: the 8 SAM bytes
  virtual void on_units_proved() = 0;  // while live: the probe has asked them anew, they may have grown
};

class Nexus final : private UnitEventSink {
 public:
  Nexus(fabric::Fabric&, const TargetAddress&, const SessionOptions&, const base::Clock&, base::Random, Probe&,
        NexusObserver&);
  ~Nexus() override;

  // Administrator's events; each returns when its effect is complete, but for the attempt that reconnect starts.
  void disconnect();
  void reconnect();
  void erase();

  // The command completes in a later poll or flush, or when the state changes; never from within.
  void submit(Command&) noexcept;
  // Where the session is not live it completes with no_connect.
  void submit(Task&) noexcept;
  // Ends all commands of the unit, with `cancelled` unless they are answered; see Channel::abort_unit.
  void abort_unit(std::uint64_t lun) noexcept;
  // What a unit said beside the answer to a command. Where it asks for that, I/O is held from here on until
  // the units have been proved again.
  void on_unit_event(std::uint64_t lun, scsi::Event) noexcept override;
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
  [[nodiscard]] const Channel& channel() const noexcept { return channel_; }
  [[nodiscard]] const FenceList& unfenced() const noexcept { return unfenced_; }
  [[nodiscard]] MemoryTable& memories() noexcept { return memories_; }
  [[nodiscard]] const fabric::Path& path() const noexcept { return path_; }
  [[nodiscard]] const Error& last_error() const noexcept { return last_error_; }
  [[nodiscard]] const PortId& initiator_port_id() const noexcept { return initiator_port_id_; }
  // How often each row of the table was taken, in its order: what the simulator measures its reach by.
  [[nodiscard]] const std::array<std::uint32_t, kStates * kEvents>& rows_taken() const noexcept { return rows_taken_; }
  [[nodiscard]] std::uint64_t connects() const noexcept { return connects_; }
  [[nodiscard]] std::uint64_t losses() const noexcept { return losses_; }
  [[nodiscard]] base::Duration last_disconnect() const noexcept { return last_disconnect_; }
  [[nodiscard]] base::Time retry_at() const noexcept { return retry_at_; }
  [[nodiscard]] base::Time fast_io_fail_at() const noexcept { return fast_io_fail_at_; }
  [[nodiscard]] base::Time dev_loss_at() const noexcept { return dev_loss_at_; }

 private:
  void dispatch(Event, const Error& cause = {});
  void perform(Action, const Error& cause);
  void start_attempt();
  void schedule_retry();
  void stop_timers() noexcept;
  void close_channel(bool keep_commands);
  void hold(Command&) noexcept;
  void release_held(Errc if_too_late) noexcept;
  void fail_held_overdue(base::Time now) noexcept;
  void fail_held() noexcept;
  std::size_t poll_attempt();
  std::size_t poll_live();
  void take_connection_event();
  [[nodiscard]] Error eviction() const;
  void prove_again() noexcept;
  void poll_proof(base::Time now);
  std::size_t run_timers();
  void send_keepalive() noexcept;
  static void on_keepalive(Command&) noexcept;
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
  Channel channel_;
  FenceList unfenced_;  // outlives every connection: only a confirmed reset takes a unit off it
  std::optional<Attempt> attempt_;  // here, so that starting one takes no memory

  State state_ = State::connecting;
  Error last_error_;
  fabric::Path path_;
  PortId initiator_port_id_;
  std::uint64_t connects_ = 0, losses_ = 0, fds_version_ = 0;
  base::Duration last_disconnect_{};
  std::array<std::uint32_t, kStates * kEvents> rows_taken_{};

  CommandList held_;      // recovering, proving: to be sent (again) after it
  CommandList rejected_;  // to be completed with the error they have
  TaskList rejected_tasks_;
  Command keepalive_;
  bool keepalive_sent_ = false;

  base::Duration retry_delay_{};
  Contest contest_;
  bool ended_by_target_ = false;  // the present connection
  bool proving_ = false;         // while live: the probe runs, I/O is held
  bool proof_outdated_ = false;  // something has happened since: once more
  base::Time proof_deadline_ = base::kNever;
  base::Time held_since_{};
  base::Time next_give_up_ = base::kNever;  // of the held commands, or earlier
  base::Time retry_at_ = base::kNever, fast_io_fail_at_ = base::kNever, dev_loss_at_ = base::kNever;
  base::Time next_control_check_{};
};

}  // namespace srpi::session
