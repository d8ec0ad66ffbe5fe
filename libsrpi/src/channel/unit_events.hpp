// SPDX-License-Identifier: Apache-2.0
// What is heard of a unit beside the answer to a command, on its way to whoever should know: its target's word, and its
// silence.
#pragma once

#include <cstdint>

#include "scsi/disposition.hpp"

namespace srpi::channel {

class Channel;

class UnitEventSink {
 public:
  virtual ~UnitEventSink() = default;
  // lun: the 8 SAM bytes; perhaps not of a unit that we know. Called while completions are being taken.
  virtual void on_unit_event(std::uint64_t lun, scsi::Event) noexcept = 0;
  // It has left something unanswered over which this channel is given up. Called before that is done.
  virtual void on_stuck_unit(std::uint64_t lun, const Channel&) noexcept = 0;
};

// After these, what is known of the unit may be wrong: identity, size, cache or write protection.
[[nodiscard]] constexpr bool asks_for_proof(scsi::Event event) noexcept {
  return scsi::needs_proof(event) || event == scsi::Event::capacity_changed ||
         event == scsi::Event::mode_parameters_changed || event == scsi::Event::lun_reset;
}

}  // namespace srpi::channel
