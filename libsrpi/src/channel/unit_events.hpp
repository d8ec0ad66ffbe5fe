// SPDX-License-Identifier: Apache-2.0
// What a channel learns about units apart from answers: events that the target reports, and silence.
#pragma once

#include <cstdint>

#include "scsi/disposition.hpp"

namespace srpi::channel {

class Channel;

class UnitEventSink {
 public:
  virtual ~UnitEventSink() = default;
  // lun: the 8 SAM bytes, perhaps of an unknown unit. Called while completions are processed.
  virtual void on_unit_event(std::uint64_t lun, scsi::Event) noexcept = 0;
  // The channel fails because this unit left something unanswered. Called before the channel fails.
  virtual void on_stuck_unit(std::uint64_t lun, const Channel&) noexcept = 0;
};

// True for events after which the unit may have another identity, size, cache or write protection.
[[nodiscard]] constexpr bool asks_for_proof(scsi::Event event) noexcept {
  return scsi::needs_proof(event) || event == scsi::Event::capacity_changed ||
         event == scsi::Event::mode_parameters_changed || event == scsi::Event::lun_reset;
}

}  // namespace srpi::channel
