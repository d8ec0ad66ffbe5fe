// SPDX-License-Identifier: Apache-2.0
// The logins of further channels. A session's first login is SINGLE; the others join it by MULTI logins, one at a time,
// while I/O goes on. Each proves the units over its own way to them.
//
//   idle        no login is under way             a channel is missing and its time has come  -> logging_in
//   logging_in  one channel's attempt runs        it succeeds, fails or is dropped            -> idle
//                                                 the target refuses it for good              -> refused
//   refused     no other is asked for             try_now: the session's next login, or somebody asks -> idle
//
// A channel whose login fails is tried again by a back-off of its own.
#pragma once

#include <optional>

#include "session/attempt.hpp"
#include "session/channel_set.hpp"

namespace srpi::session {

class Joins {
 public:
  Joins(const LoginContext&, ChannelSet&) noexcept;

  [[nodiscard]] bool refused() const noexcept { return state_ == State::refused; }
  // The session has logged in, or somebody asks.
  void try_now(base::Time now) noexcept;
  // Its channel was lost. Not at once, as a session does: if the others are lost in the same moment, their loss is to
  // come first.
  void on_lost(Link& link, base::Time now) noexcept { link.next_try = link.delay.next(now); }
  // Something else must come first; the login is tried again after it.
  void drop(base::Time now) noexcept;

  struct Outcome {
    Error error;  // code ok: the channel is live
    bool untold = true;
    bool about_units = false;  // what the units answered there is why
  };
  // Starts a login that is due, unless a proof runs over the live channels, and moves it on as far as it goes without
  // waiting. `work` is raised by what was done.
  [[nodiscard]] std::optional<Outcome> poll(base::Time now, bool proving, std::size_t& work);
  // When to poll at the latest.
  [[nodiscard]] base::Time next(bool proving) const noexcept;
  // Changes whenever append_fds would answer differently.
  [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }
  void append_fds(std::vector<int>&) const;

 private:
  enum class State : std::uint8_t { idle, logging_in, refused };
  void start(base::Time now);
  [[nodiscard]] Outcome end(AttemptOutcome, base::Time now);

  const LoginContext& context_;
  ChannelSet& channels_;
  State state_ = State::idle;
  std::optional<Attempt> attempt_;  // in here, so that starting one takes no memory
  Link* link_ = nullptr;            // that logs in
  std::uint64_t changes_ = 0;
};

}  // namespace srpi::session
