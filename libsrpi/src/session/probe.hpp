// SPDX-License-Identifier: Apache-2.0
// What an attempt asks of the layer above after the login: to find the logical units, or to prove them the same ones.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "base/lun_set.hpp"
#include "scsi/disposition.hpp"
#include "session/channel_names.hpp"
#include "srpi/error.hpp"

namespace srpi::session {

// A unit of the session that did not say what it was asked, while others did.
struct AwayUnit {
  std::uint64_t lun = 0;                            // the 8 SAM bytes
  Errc code = Errc::ok;                             // what its I/O fails with
  scsi::RetryClass retry = scsi::RetryClass::none;  // how long its I/O may wait for it first
};

class Probe {
 public:
  virtual ~Probe() = default;
  // Submits commands to the channel from here on, from their completions. One probe runs at a time.
  virtual void start(Channel&) = 0;
  // For a further channel of a live session: the units that are not away have to answer there as well.
  virtual void confirm(Channel&) = 0;
  // Only takes the unit attentions that wait on this channel; its outcome is a success, whatever the units
  // say. For a channel beside the one over which the probe will run next.
  virtual void take_attentions(Channel&) = 0;
  // What it waits for, while it does.
  [[nodiscard]] virtual const Command* question() const noexcept = 0;
  // Set once no command of the probe is outstanding any more. identity_mismatch ends the attempts.
  [[nodiscard]] virtual std::optional<Result<>> outcome() = 0;
  // After a success: every unit that it has found.
  virtual void add_units(base::LunSet&) const = 0;
  // As the last success of `start` has found it. Never all units: that is a failure.
  [[nodiscard]] virtual std::span<const AwayUnit> away() const noexcept = 0;
  // Called before the channel is closed under a probe that has not ended, or after its outcome was taken.
  virtual void reset() noexcept = 0;
  // While none runs: unregisters its buffer, which the next start registers anew.
  virtual void let_device_go() noexcept = 0;

  // Units that have left unanswered what a connection was given up for; the nexus keeps them. They are not asked while
  // others answer, and are away.
  [[nodiscard]] virtual base::LunSet& stuck() noexcept = 0;
};

[[nodiscard]] inline const AwayUnit* find_away(const Probe& probe, std::uint64_t lun) noexcept {
  const auto away = probe.away();
  const auto unit = std::ranges::find(away, lun, &AwayUnit::lun);
  return unit != away.end() ? &*unit : nullptr;
}

// A unit that is away keeps its mark: no I/O reaches it before it is back and fenced.
[[nodiscard]] inline std::optional<std::uint64_t> next_to_fence(const base::LunSet& unfenced,
                                                                const Probe& probe) noexcept {
  for (const auto lun : unfenced.luns())
    if (!find_away(probe, lun)) return lun;
  return std::nullopt;
}

}  // namespace srpi::session
