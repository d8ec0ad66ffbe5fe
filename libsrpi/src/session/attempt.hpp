// SPDX-License-Identifier: Apache-2.0
// One attempt to connect, with its own deadline: resolve, log in, prove the logical units, fence the marked
// ones. It owns nothing that lasts. When it fails, its owner must close the channel; everything is then as
// before, except that fenced units stay fenced.
//
// The login of a session's first channel is SINGLE: it ends all other channels that the target has of our
// initiator port. Further channels join by a MULTI login. They also prove the units, because each channel may
// reach them in another way. They do not change the session's limits and do not fence.
//
//   attempt.cpp        the steps
//   attempt_login.cpp  the login request and its answers
#pragma once

#include <memory>
#include <optional>

#include "session/login_context.hpp"
#include "wire/login.hpp"

namespace srpi::session {

// What the answers of a failed attempt say about the session's live channels.
enum class Doubt : std::uint8_t {
  none,
  units,     // a unit refused or is another one: prove the units over the live channels
  channels,  // the target does not know the session's other channels: ask whether their peers still answer
};

struct AttemptOutcome {
  Error error;                   // code ok: the channel is logged in and started, the units are proved
  bool is_final = false;         // no further attempt may follow
  bool ended_by_target = false;  // after the login
  Doubt doubt = Doubt::none;
  std::span<const ProvedUnit> units = {};  // after a success on the session's first channel
};

class Attempt {
 public:
  // `patience` limits the wait for the login's answer; at most connect_timeout. The later steps have the rest
  // of connect_timeout.
  Attempt(const LoginContext&, Channel&, base::Duration patience,
          wire::MultiChannel = wire::MultiChannel::single);
  ~Attempt();

  // Continues as far as possible without waiting. Returns the outcome at the end. Adds the number of steps to
  // `work`.
  [[nodiscard]] std::optional<AttemptOutcome> poll(std::size_t& work);
  // The latest time for the next poll.
  [[nodiscard]] base::Time next() const noexcept;
  [[nodiscard]] const PortId& initiator_port_id() const noexcept { return initiator_port_id_; }
  // Set after the login's answer: true if the target ended another connection of our port id for it.
  [[nodiscard]] std::optional<bool> ended_another() const noexcept { return ended_another_; }
  // True if the attempt has found its RDMA device.
  [[nodiscard]] bool reached_device() const noexcept { return step_ > Step::resolving; }
  void append_fds(std::vector<int>&) const;

 private:
  enum class Step : std::uint8_t { opening, resolving, logging_in, proving, fencing };
  // The outcome of a step; nullopt while the step goes on.
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
  [[nodiscard]] Ended on_established(const fabric::ConnectionEvent&);
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
  std::unique_ptr<fabric::ActiveEndpoint> resolving_;  // until the channel has it
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

// True if the target ended the connection without giving a reason of its own.
[[nodiscard]] bool ended_by_target(const fabric::ConnectionEvent&, const Channel&) noexcept;
// True if no further attempt may follow this error.
[[nodiscard]] bool ends_for_good(Errc) noexcept;
[[nodiscard]] AttemptOutcome ended_with(const Error&);

}  // namespace srpi::session
