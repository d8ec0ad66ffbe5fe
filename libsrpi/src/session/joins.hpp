// SPDX-License-Identifier: Apache-2.0
// The logins of further channels. A session's first login is SINGLE. The other channels join it by MULTI
// logins, one at a time, while I/O goes on. Each channel proves the units over its own way to them.
//
//   idle        no login runs                     a channel is missing and its time has come  -> logging_in
//   logging_in  one channel's attempt runs        it succeeds, fails or is dropped            -> idle
//                                                 the target refuses it for good              -> refused
//   refused     no further login                  try_now: the session's login, or reconnect  -> idle
//
// Each channel has its own back-off after a failed login.
#pragma once

#include <optional>

#include "session/attempt.hpp"
#include "session/channel_set.hpp"

namespace srpi::session {

class Joins {
 public:
  Joins(const LoginContext&, ChannelSet&) noexcept;

  [[nodiscard]] bool refused() const noexcept { return state_ == State::refused; }
  // Called after the session's login and on reconnect.
  void try_now(base::Time now) noexcept;
  // The channel was lost. It does not log in again at once, because if the others are lost at the same time,
  // their loss must be noticed first.
  void on_lost(Link& link, base::Time now) noexcept { link.next_try = link.delay.next(now); }
  // Cancels a running login for something more urgent. It is tried again later.
  void drop(base::Time now) noexcept;

  struct Outcome {
    Error error;  // code ok: the channel is live
    bool untold = true;
    Doubt doubt = Doubt::none;
  };
  // Starts a login that is due, unless a proof runs, and continues it as far as possible without waiting.
  // Adds the number of steps to `work`.
  [[nodiscard]] std::optional<Outcome> poll(base::Time now, bool proving, std::size_t& work);
  // The latest time for the next poll.
  [[nodiscard]] base::Time next(bool proving) const noexcept;
  // Changes whenever the list of append_fds changes.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  void append_fds(std::vector<int>&) const;

 private:
  enum class State : std::uint8_t { idle, logging_in, refused };
  void start(base::Time now);
  [[nodiscard]] Outcome end(AttemptOutcome, base::Time now);

  const LoginContext& context_;
  ChannelSet& channels_;
  State state_ = State::idle;
  std::optional<Attempt> attempt_;  // a member, so that starting an attempt needs no memory
  Link* link_ = nullptr;            // the channel that logs in
  std::uint64_t changes_ = 0;
};

}  // namespace srpi::session
