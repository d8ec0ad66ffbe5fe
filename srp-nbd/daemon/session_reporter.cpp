// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_reporter.hpp"

#include <utility>

namespace srp_nbd {

UnitView view_of(const ExportedUnit& unit) {
  auto view = make_unit_view(unit.info);
  view.device = text_or_null(unit.device);
  view.export_ = text_or_null(unit.uri);
  return view;
}

SessionReporter::SessionReporter(EventHub& hub, std::string session_name)
    : hub_(hub), name_(std::move(session_name)) {}

void SessionReporter::report(Event event, const std::optional<ExportedUnit>& unit,
                             std::optional<Failure> cause) {
  if (unit) event.set_unit(view_of(*unit));
  event.cause = std::move(cause);
  hub_.publish(event);
}

Event SessionReporter::present_state() const {
  Event event(hub_.now(), name_, EventKind::present);
  event.to = srpi::to_string(state_);
  event.cause = cause_;
  return event;
}

void SessionReporter::state(Event::Time time, srpi::SessionState from, srpi::SessionState to,
                            const srpi::Error& cause) {
  state_ = to;
  cause_.reset();
  if (cause.code != srpi::Errc::ok) cause_ = Failure{cause};
  Event event(time, name_, EventKind::state);
  event.from = srpi::to_string(from);
  event.to = srpi::to_string(to);
  report(std::move(event), {}, cause_);
}

void SessionReporter::attempt_failed(Event::Time time, const srpi::Error& error) {
  report({time, name_, EventKind::attempt_failed}, {}, Failure{error});
}

void SessionReporter::unit(Event::Time time, const ExportedUnit& unit,
                           std::optional<std::uint64_t> old_size_bytes) {
  Event event(time, name_, old_size_bytes ? EventKind::unit_resized : EventKind::unit_found);
  if (old_size_bytes) event.old_size_bytes = *old_size_bytes;
  report(std::move(event), unit, {});
}

void SessionReporter::unit_away(Event::Time time, const ExportedUnit& unit) {
  if (unit.info.away.code == srpi::Errc::ok) return report({time, name_, EventKind::unit_back}, unit, {});
  report({time, name_, EventKind::unit_away}, unit, Failure{unit.info.away});
}

void SessionReporter::unit_event(Event::Time time, srpi::SessionEvent what,
                                 const std::optional<ExportedUnit>& unit) {
  Event event(time, name_, EventKind::unit_event);
  event.event = srpi::to_string(what);
  event.lun.emplace();
  report(std::move(event), unit, {});
}

void SessionReporter::published(const std::vector<ExportedUnit>& units, const Outcome<>& outcome) {
  if (!outcome) return report({hub_.now(), name_, EventKind::publish_failed}, {}, outcome.error());
  for (const auto& unit : units) report({hub_.now(), name_, EventKind::published}, unit, {});
}

void SessionReporter::device_lost(Event::Time time, const ExportedUnit& unit, const srpi::Error& why) {
  report({time, name_, EventKind::device_lost}, unit, Failure{why});
}

}  // namespace srp_nbd
