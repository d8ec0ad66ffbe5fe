// SPDX-License-Identifier: Apache-2.0
// The channels of a session. The session is live while one of them is.
//
// A command goes to the live channel with the fewest outstanding commands. A failed channel stays among the
// live ones until the session has looked at the losses, because the session decides whether it is lost as a
// whole.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "session/link.hpp"

namespace srpi::session {

// Counters of further channels.
struct ChannelHistory {
  std::uint64_t joins = 0;     // logins that succeeded
  std::uint64_t losses = 0;    // while other channels lived
  std::uint64_t repeated = 0;  // commands in doubt that were sent again after the fence
};

// The result of a look at the failed channels.
struct Losses {
  enum class Of : std::uint8_t {
    nothing,
    channels,  // other channels live: only the failed ones are lost
    session,   // the last one, or another initiator's login ended all
  };
  Of of = Of::nothing;
  bool by_target = false;  // the target ended a connection without a reason of its own
  Error cause;             // the cause of the session's loss
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

  // --- logins and losses
  // Called after the session's first login, which determines the length of commands.
  void note_first_login() noexcept { usable_segments_ = first().channel.usable_segments(); }
  void go_live(Link&) noexcept;
  void leave(Link&) noexcept;
  // Looks at the live channels. `failure` is set if the session must be lost although channels live.
  [[nodiscard]] Losses look_for_losses(const std::optional<Error>& failure);
  // Why a channel is missing, or was missing last. Code ok: no channel was missing since the last login.
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  void set_error(const Error& error) noexcept;

  // --- commands and functions
  void submit(Command& command) noexcept { (only_ ? *only_ : least_loaded()).submit(command); }
  // Over the first channel with room. Returns false if none has room.
  [[nodiscard]] bool submit_aside(Tmf&) noexcept;
  [[nodiscard]] bool has_room_aside() const noexcept;  // some channel permits functions aside
  void withdraw(Tmf&) noexcept;                        // from the channel that has it
  void take_unsent(CommandList& to) noexcept;
  void abort_unit(std::uint64_t lun) noexcept;
  // Pending unit attentions must be taken over each channel.
  void mark_unasked() noexcept;
  [[nodiscard]] std::uint32_t usable_segments() const noexcept { return usable_segments_; }

  void flush() noexcept;
  std::size_t poll() noexcept;
  // Looking around costs system calls, so it is due only now and then. `busy`: polls find completions, so it
  // can wait.
  [[nodiscard]] bool look_is_due(base::Time now, bool busy) const noexcept;
  // Looks at connection events, deadlines and, if `keepalive_lun` is set, the silence of peers.
  void look_around(base::Time now, const std::optional<std::uint64_t>& keepalive_lun);
  // Finds out over each channel whether its peer still answers. A channel without an answer fails.
  void ask_peers(std::uint64_t lun, base::Time now) noexcept;
  [[nodiscard]] bool has_sendable() const noexcept;
  // The next deadline; with `keepalives`, also the next keepalive.
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
  Channel* only_ = nullptr;  // the live channel, if there is exactly one
  std::uint32_t usable_segments_ = 1;
  Error error_;
  base::Time next_look_{};
};

}  // namespace srpi::session
