// SPDX-License-Identifier: Apache-2.0
// The search: finds the logical units that the target has beside the session's. It runs over a live channel while
// I/O goes on. The layer above implements it.
#pragma once

#include <span>

#include "base/clock.hpp"
#include "session/proof.hpp"

namespace srpi::session {

class Search {
 public:
  virtual ~Search() = default;
  // Starts a search, which submits commands to the channel from completions. Units of `left_out` are asked nothing.
  // A unit that does not answer until then is not found.
  virtual void start(Channel&, const LunSet& left_out, base::Time until) = 0;
  // True from the end of the search until take() or cancel(). Commands without an answer may be outstanding
  // still; the next search does without their buffers.
  [[nodiscard]] virtual bool has_ended() = 0;
  // Adds the found units to those of the session, after the ones that it has. Permitted once after the end, while no
  // proof runs. With an error, the units are those that were added before it.
  struct Found {
    std::span<const ProvedUnit> units;  // valid until the next start
    Error error;
  };
  [[nodiscard]] virtual Found take() = 0;
  // True if the first login or the last search has left a unit out that may be of use later, because it was not ready.
  [[nodiscard]] virtual bool is_worth_repeating() const noexcept = 0;
  // An operator asks for the next search: units that are left out because their silence has cost a connection are asked
  // again.
  virtual void forget_silence() noexcept = 0;
  // The next time at which has_ended() has work without an answer.
  [[nodiscard]] virtual base::Time next() const noexcept = 0;
  // Call it before the channel of a running search is closed.
  virtual void cancel() noexcept = 0;
  // Unregisters the buffers until the next start. Permitted when no channel is open.
  virtual void let_device_go() noexcept = 0;
};

}  // namespace srpi::session
