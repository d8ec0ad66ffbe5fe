// SPDX-License-Identifier: Apache-2.0
// Commands that wait until the session can send them: for the end of an outage, or of a proof over the live connection.
//
// They stay in order of arrival. Their deadlines stand still: what the wait has taken is added to each when it is
// released, until Command::give_up_at at most. A command that reaches give_up_at while it waits is over.
//
// The class completes nothing: it hands back what is over.
#pragma once

#include "base/clock.hpp"
#include "session/channel_names.hpp"

namespace srpi::session {

class HeldCommands {
 public:
  // An outage or a proof begins. Commands may be held already: their time counts from here then.
  void begin(base::Time now) noexcept { since_ = now; }
  void hold(Command&) noexcept;
  void hold(CommandList) noexcept;

  struct Released {
    CommandList going;     // to be sent, with the keys of the device in use now
    CommandList too_late;  // past give_up_at, or of more descriptors than the new login permits
  };
  [[nodiscard]] Released release(base::Time now, std::uint32_t most_segments) noexcept;
  [[nodiscard]] CommandList take_overdue(base::Time now) noexcept;
  [[nodiscard]] CommandList take_all() noexcept;
  [[nodiscard]] CommandList take_unit(std::uint64_t lun) noexcept;
  // Not before this will take_overdue find one; perhaps later.
  [[nodiscard]] base::Time next_give_up() const noexcept { return next_give_up_; }

 private:
  template<class Leaves>
  [[nodiscard]] CommandList take_if(Leaves) noexcept;

  CommandList commands_;
  base::Time since_{};
  base::Time next_give_up_ = base::kNever;
};

}  // namespace srpi::session
