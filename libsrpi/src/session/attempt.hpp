// SPDX-License-Identifier: Apache-2.0
// One attempt to connect: resolve, log in, prove the logical units, fence off what an earlier connection may
// have left to them; with its own deadline. It owns nothing that lasts: when it fails, the channel is closed
// and everything is as before, but for the units that are fenced by then.
//
// The login of a session's first channel is SINGLE: it ends whatever the target has of us. Further channels
// join by a MULTI login; they prove the units, too, for each may have another way to them, and find the
// session's limits as they are.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "fabric/endpoint.hpp"
#include "session/channel_names.hpp"
#include "session/fence.hpp"
#include "session/probe.hpp"
#include "srpi/port_id.hpp"
#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"
#include "wire/login.hpp"

namespace srpi::session {

class MemoryTable;

// Who logs in where, and what stays the same from attempt to attempt.
struct LoginIdentity {
  TargetAddress target;
  std::optional<PortId> initiator_port_id;  // given by the user, else made from:
  std::uint64_t initiator_ext = 0;
};

struct AttemptOutcome {
  Error error;                   // code ok: logged in, the channel is started, the units are proved
  bool refused = false;          // another attempt cannot help
  bool ended_by_target = false;  // after the login
  bool about_units = false;      // what they answered is why
};

class Attempt {
 public:
  // patience: how long the peer may take to answer the login, connect_timeout at most; what follows has the
  // rest of connect_timeout.
  Attempt(fabric::Fabric&, const LoginIdentity&, const SessionOptions&, Channel&, MemoryTable&, Probe&,
          FenceMarks& unfenced, const base::Clock&, base::Duration patience,
          wire::MultiChannel = wire::MultiChannel::single);
  ~Attempt();

  // Moves on as far as it goes without waiting. Set: it has ended. `work` is raised by what was done.
  [[nodiscard]] std::optional<AttemptOutcome> poll(std::size_t& work);
  [[nodiscard]] base::Time deadline() const noexcept { return deadline_; }
  [[nodiscard]] const PortId& initiator_port_id() const noexcept { return initiator_port_id_; }
  // Set once the login was answered: whether the target ended another connection of our port id for it.
  [[nodiscard]] std::optional<bool> ended_another() const noexcept { return ended_another_; }
  // The way there led over an RDMA device that is still there.
  [[nodiscard]] bool reached_device() const noexcept { return step_ > Step::resolving; }
  void append_fds(std::vector<int>&) const;

 private:
  enum class Step : std::uint8_t { opening, resolving, logging_in, proving, fencing };
  [[nodiscard]] static const char* describe(Step) noexcept;
  [[nodiscard]] Result<> open();
  [[nodiscard]] bool joins() const noexcept { return action_ == wire::MultiChannel::independent; }
  [[nodiscard]] Result<> log_in();
  [[nodiscard]] Result<> on_established(const fabric::ConnectionEvent&);
  [[nodiscard]] AttemptOutcome on_rejected(const fabric::ConnectionEvent&);
  [[nodiscard]] bool fall_back();
  [[nodiscard]] std::optional<AttemptOutcome> on_event(const fabric::ConnectionEvent&);
  [[nodiscard]] std::optional<AttemptOutcome> fence();
  void start_reset(std::uint64_t lun);
  void note_stuck() noexcept;
  [[nodiscard]] Error overdue() const;
  [[nodiscard]] fabric::ActiveEndpoint* endpoint() const noexcept;

  fabric::Fabric& fabric_;
  const LoginIdentity& identity_;
  const SessionOptions& options_;
  Channel& channel_;
  MemoryTable& memories_;
  Probe& probe_;
  FenceMarks& unfenced_;
  const base::Clock& clock_;
  const base::Time begun_;
  base::Time deadline_;
  const wire::MultiChannel action_;
  Step step_ = Step::opening;
  std::unique_ptr<fabric::ActiveEndpoint> resolving_;  // until the channel takes it
  PortId initiator_port_id_;
  std::uint32_t requested_iu_bytes_;
  bool immediate_data_;
  std::uint32_t stale_retries_left_ = 2;
  std::optional<bool> ended_another_;
  Tmf reset_;
  base::Time reset_at_{};
  bool reset_answered_ = false;
};

// Whether this tells that the target itself ended the connection, and not for a reason of its own.
[[nodiscard]] bool ended_by_target(const fabric::ConnectionEvent&, const Channel&) noexcept;
// Whether an error that ended an attempt is final.
[[nodiscard]] bool is_final(Errc) noexcept;

}  // namespace srpi::session
