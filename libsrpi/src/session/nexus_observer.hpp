// SPDX-License-Identifier: Apache-2.0
// Reports of a nexus to the layer above. Called during its public functions.
#pragma once

#include "scsi/disposition.hpp"
#include "session/transitions.hpp"
#include "srpi/error.hpp"

namespace srpi::session {

class NexusObserver {
 public:
  virtual ~NexusObserver() = default;
  virtual void on_state(State from, State to, const Error& cause) = 0;
  virtual void on_attempt_failed(const Error&) = 0;
  virtual void on_unit_event(std::uint64_t lun, scsi::Event) = 0;  // lun: the 8 SAM bytes
  virtual void on_units_proved() = 0;  // while live: a proof has ended, and units may have grown
  // While live: a search for further units begins, or has ended; the units that it has found are added.
  virtual void on_search_begun() {}
  virtual void on_search_ended(const Error& /*code ok: no error*/) {}
  // While live: a channel has joined (code ok), was lost, or could not log in (reported once in a row).
  virtual void on_channels(std::uint32_t /*live*/, const Error& /*cause*/) {}
};

}  // namespace srpi::session
