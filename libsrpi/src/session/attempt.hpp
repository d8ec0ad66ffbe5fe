// SPDX-License-Identifier: Apache-2.0
// One attempt to connect: resolve, log in, prove the logical units, fence off what an earlier connection may have left
// to them; with its own deadline. It owns nothing that lasts: when it fails, its channel has to be closed, and everything
// is as before, but for the units that are fenced by then.
//
// The login of a session's first channel is SINGLE: it ends whatever the target has of us. Further channels join by a
// MULTI login. They prove the units, too, for each may have another way to them, and find the session's limits as they
// are; what is to be fenced is the session's business.
//
//   attempt.cpp        the steps, one after the other
//   attempt_login.cpp  the login request and the answers to it
#pragma once

#include <memory>
#include <optional>

#include "session/login_context.hpp"
#include "wire/login.hpp"

namespace srpi::session {

struct AttemptOutcome {
  Error error;                             // code ok: logged in, the channel is started, the units are proved
  bool is_final = false;                   // another attempt cannot help
  bool ended_by_target = false;            // after the login
  bool about_units = false;                // what the units answered is why
  std::span<const ProvedUnit> units = {};  // of the session's first channel, after a success
};

class Attempt {
 public:
  // patience: how long the peer may take to answer the login, connect_timeout at most; what follows has the rest of
  // connect_timeout.
  Attempt(const LoginContext&, Channel&, base::Duration patience,
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
  // Of a step: nothing while it goes on.
  using Ended = std::optional<AttemptOutcome>;
  [[nodiscard]] static const char* describe(Step) noexcept;
  [[nodiscard]] bool joins() const noexcept { return action_ == wire::MultiChannel::independent; }
  [[nodiscard]] Result<> open();
  [[nodiscard]] Ended poll_channel(std::size_t& work);
  [[nodiscard]] Ended on_event(const fabric::ConnectionEvent&);
  [[nodiscard]] Ended poll_proof(std::size_t& work);
  void start_reset(std::uint64_t lun);
  [[nodiscard]] Ended poll_fence();
  [[nodiscard]] Ended on_reset_answered();
  [[nodiscard]] Ended fence_next();
  void note_silence() noexcept;
  [[nodiscard]] AttemptOutcome overdue();
  [[nodiscard]] fabric::ActiveEndpoint* endpoint() const noexcept;
  // attempt_login.cpp
  [[nodiscard]] Result<> log_in();
  [[nodiscard]] Result<> on_established(const fabric::ConnectionEvent&);
  [[nodiscard]] Result<> judge(const wire::LoginResponse&) const;
  [[nodiscard]] Ended on_rejected(const fabric::ConnectionEvent&);
  [[nodiscard]] bool may_ask_again(const fabric::ConnectionEvent&);
  [[nodiscard]] bool fall_back();

  const LoginContext& context_;
  Channel& channel_;
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
  std::span<const ProvedUnit> proved_;
  Tmf reset_;
  base::Time reset_at_{};
  bool reset_answered_ = false;
};

// Whether this tells that the target itself ended the connection, and not for a reason of its own.
[[nodiscard]] bool ended_by_target(const fabric::ConnectionEvent&, const Channel&) noexcept;
// Whether an attempt that fails with this is the last one.
[[nodiscard]] bool ends_for_good(Errc) noexcept;

}  // namespace srpi::session
