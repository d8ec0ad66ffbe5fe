// SPDX-License-Identifier: Apache-2.0
// The channels of a session. While one of them is live, the session is.
//
// A command goes to the live channel with the fewest outstanding commands. A channel that has failed stays in the set of
// the live ones until the session has looked at the losses: it decides whether they are the session's own.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "session/link.hpp"

namespace srpi::session {

// Of further channels, since the start.
struct ChannelHistory {
  std::uint64_t joins = 0;     // logins that succeeded
  std::uint64_t losses = 0;    // while others lived
  std::uint64_t repeated = 0;  // commands that a lost channel left in doubt, sent again behind the fence
};

// What a look at the failed channels finds.
struct Losses {
  enum class Of : std::uint8_t {
    nothing,
    channels,  // others live: each failed one is lost alone
    session,   // the last one, or a login elsewhere that ends all of them
  };
  Of of = Of::nothing;
  bool by_target = false;  // the target itself has ended a connection, not for a reason of its own
  Error cause;             // of the session's loss
};

class ChannelSet {
 public:
  ChannelSet(const SessionOptions&, const base::Clock&, base::Random&, UnitEventSink&);

  [[nodiscard]] std::span<const std::unique_ptr<Link>> all() const noexcept { return links_; }
  [[nodiscard]] std::span<Link* const> live() const noexcept { return live_; }
  [[nodiscard]] bool is_complete() const noexcept { return live_.size() == links_.size(); }
  [[nodiscard]] bool any_open() const noexcept;
  [[nodiscard]] Link& first() noexcept { return *links_.front(); }
  [[nodiscard]] UnitResets& resets() noexcept { return resets_; }

  // --- their lives
  // Commands are as long as the session's first login permits.
  void note_first_login() noexcept { usable_segments_ = first().channel.usable_segments(); }
  void go_live(Link&) noexcept;
  void leave(Link&) noexcept;
  // Looks at the live ones. `failure`: why the session has to end, although channels live.
  [[nodiscard]] Losses look_for_losses(const std::optional<Error>& failure);
  // Why a channel is missing, or was last; code ok: all have been there since the last login.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  void set_error(const Error& error) noexcept;

  // --- what goes over them
  void submit(Command& command) noexcept { (only_ ? *only_ : least_loaded()).submit(command); }
  // Over the first that has room for it: false: none has.
  [[nodiscard]] bool submit_aside(Tmf&) noexcept;
  [[nodiscard]] bool has_room_aside() const noexcept;  // for some, when it is not taken
  void withdraw(Tmf&) noexcept;                        // from whichever has it
  void take_unsent(CommandList& to) noexcept;
  void abort_unit(std::uint64_t lun) noexcept;
  // The unit attentions that wait for us have to be taken over each of them.
  void mark_unasked() noexcept;
  [[nodiscard]] std::uint32_t usable_segments() const noexcept { return usable_segments_; }

  void flush() noexcept;
  std::size_t poll() noexcept;
  // What costs a system call is looked at now and then only. `busy`: completions keep coming, so that it can wait.
  [[nodiscard]] bool look_is_due(base::Time now, bool busy) const noexcept;
  // The connections, deadlines and, where it has a unit for it, the silence of peers.
  void look_around(base::Time now, const std::optional<std::uint64_t>& keepalive_lun);
  [[nodiscard]] bool has_sendable() const noexcept;
  // The next of deadlines and, with `keepalives`, of these.
  [[nodiscard]] base::Time next_deadline(bool keepalives) const noexcept;
  [[nodiscard]] bool arm() noexcept;
  void let_device_go() noexcept;

  ChannelHistory history;

 private:
  [[nodiscard]] Channel& least_loaded() noexcept;
  void take_connection_event(Link&);
  void count_live() noexcept { only_ = live_.size() == 1 ? &live_.front()->channel : nullptr; }

  const base::Clock& clock_;
  UnitResets resets_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<Link*> live_;  // in the order of links_
  Channel* only_ = nullptr;  // the one live channel, where it is one
  std::uint32_t usable_segments_ = 1;
  Error error_;
  base::Time next_look_{};
};

}  // namespace srpi::session
