// SPDX-License-Identifier: Apache-2.0
// What an attempt asks of the layer above after the login: to find the logical units, or to prove them the same ones.
#pragma once

#include <optional>

#include "session/channel.hpp"
#include "srpi/error.hpp"

namespace srpi::session {

class Probe {
 public:
  virtual ~Probe() = default;
  // Submits commands to the channel from here on, from their completions. One probe runs at a time.
  virtual void start(Channel&) = 0;
  // Only takes the unit attentions that wait on this channel; its outcome is a success, whatever the units
  // say. For a channel beside the one over which the probe will run next.
  virtual void take_attentions(Channel&) = 0;
  // Set once no command of the probe is outstanding any more. identity_mismatch and no_such_lun end the attempts.
  [[nodiscard]] virtual std::optional<Result<>> outcome() = 0;
  // After a success: every unit that it has found.
  virtual void add_units(FenceList&) const = 0;
  // Called before the channel is closed under a probe that has not ended, or after its outcome was taken.
  virtual void reset() noexcept = 0;
  // While none runs: unregisters its buffer, which the next start registers anew.
  virtual void let_device_go() noexcept = 0;
};

}  // namespace srpi::session
