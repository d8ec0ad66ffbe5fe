// SPDX-License-Identifier: Apache-2.0
// Commands that wait for the end of an outage, or of a proof over the live connection.
//
// They stay in the order of arrival. A release adds the time of the wait to each deadline, up to
// Command::give_up_at. A command that reaches give_up_at during the wait ends.
//
// The class completes nothing. It returns the ended commands to its caller.
#pragma once

#include "base/clock.hpp"
#include "session/channel_names.hpp"

namespace srpi::session {

class HeldCommands {
 public:
  // Called when an outage or a proof begins. For commands that are held already, the wait counts from now.
  void begin(base::Time now) noexcept { since_ = now; }
  void hold(Command&) noexcept;
  void hold(CommandList) noexcept;

  struct Released {
    CommandList going;     // to send, with the keys of the present device
    CommandList too_late;  // after give_up_at, or with more descriptors than the new login permits
  };
  [[nodiscard]] Released release(base::Time now, std::uint32_t most_segments) noexcept;
  [[nodiscard]] CommandList take_overdue(base::Time now) noexcept;
  [[nodiscard]] CommandList take_all() noexcept;
  [[nodiscard]] CommandList take_unit(std::uint64_t lun) noexcept;
  // take_overdue finds nothing before this time.
  [[nodiscard]] base::Time next_give_up() const noexcept { return next_give_up_; }

 private:
  template<class Leaves>
  [[nodiscard]] CommandList take_if(Leaves) noexcept;

  CommandList commands_;
  base::Time since_{};
  base::Time next_give_up_ = base::kNever;
};

}  // namespace srpi::session
