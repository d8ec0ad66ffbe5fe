// SPDX-License-Identifier: Apache-2.0
// Tells those who follow events what one session does. Main thread only; an event that there is no memory for is
// lost, which its followers learn (event_hub.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "daemon/event_hub.hpp"
#include "daemon/publication.hpp"
#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class SessionReporter {
 public:
  SessionReporter(EventHub&, std::string session_name);

  void state(Event::Time, srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause) noexcept;
  void attempt_failed(Event::Time, const srpi::Error&) noexcept;
  // old_size_bytes: the unit was known, and has grown since.
  void unit(Event::Time, const Publication&, const srpi::LogicalUnitInfo&,
            std::optional<std::uint64_t> old_size_bytes) noexcept;
  // It is away now, with the reason in `info`, or is back.
  void unit_away(Event::Time, const Publication&, const srpi::LogicalUnitInfo&) noexcept;
  // No unit: the event is about one that the session does not use.
  void unit_event(Event::Time, const Publication&, srpi::SessionEvent,
                  const std::optional<srpi::LogicalUnitInfo>&) noexcept;
  void published(const Publication&, const Outcome<>&) noexcept;
  void device_lost(Event::Time, const UnitView&, const srpi::Error& why) noexcept;

  // Where the session stands by the changes that were reported so far, none missing and none too many.
  [[nodiscard]] Event present_state() const;

 private:
  // An event of this session, which `fill` completes.
  template<class Fill>
  void report(Event::Time, EventKind, Fill) noexcept;

  EventHub& hub_;
  const std::string name_;
  srpi::SessionState state_ = srpi::SessionState::connecting;
  std::optional<Failure> cause_;
};

}  // namespace srp_nbd
