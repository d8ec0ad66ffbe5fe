// SPDX-License-Identifier: Apache-2.0
// Publishes the events of one session. Main thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/event.hpp"
#include "daemon/event_hub.hpp"
#include "export/export.hpp"
#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

[[nodiscard]] UnitView view_of(const ExportedUnit&);

class SessionReporter {
 public:
  SessionReporter(EventHub&, std::string session_name);

  void state(Event::Time, srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause);
  void attempt_failed(Event::Time, const srpi::Error&);
  // old_size_bytes: set if the known unit has grown.
  void unit(Event::Time, const ExportedUnit&, std::optional<std::uint64_t> old_size_bytes);
  // The unit has become away, with the reason in its info, or is back.
  void unit_away(Event::Time, const ExportedUnit&);
  // Without a unit: the session does not use the unit of the event.
  void unit_event(Event::Time, srpi::SessionEvent, const std::optional<ExportedUnit>&);
  void published(const std::vector<ExportedUnit>&, const Outcome<>&);
  void device_lost(Event::Time, const ExportedUnit&, const srpi::Error& why);

  // The session's state after the reported changes.
  [[nodiscard]] Event present_state() const;

 private:
  void report(Event, const std::optional<ExportedUnit>&, std::optional<Failure> cause);

  EventHub& hub_;
  const std::string name_;
  srpi::SessionState state_ = srpi::SessionState::connecting;
  std::optional<Failure> cause_;
};

}  // namespace srp_nbd
