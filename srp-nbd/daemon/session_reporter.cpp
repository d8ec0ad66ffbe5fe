// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_reporter.hpp"

#include <utility>

#include "support/no_memory.hpp"

namespace srp_nbd {

SessionReporter::SessionReporter(EventHub& hub, std::string session_name)
    : hub_(hub), name_(std::move(session_name)) {}

template<class Fill>
void SessionReporter::report(Event::Time time, EventKind kind, Fill fill) noexcept {
  hub_.report([&] {
    Event event(time, name_, kind);
    fill(event);
    return event;
  });
}

Event SessionReporter::present_state() const {
  Event event(hub_.now(), name_, EventKind::present);
  event.to = srpi::to_string(state_);
  event.cause = cause_;
  return event;
}

void SessionReporter::state(Event::Time time, srpi::SessionState from, srpi::SessionState to,
                            const srpi::Error& cause) noexcept {
  state_ = to;
  cause_.reset();
  if (cause.code != srpi::Errc::ok)
    guarded([&] { cause_ = Failure{cause}; }, [&] { cause_ = Failure::no_memory(); });
  report(time, EventKind::state, [&](Event& event) {
    event.from = srpi::to_string(from);
    event.to = srpi::to_string(to);
    event.cause = cause_;
  });
}

void SessionReporter::attempt_failed(Event::Time time, const srpi::Error& error) noexcept {
  report(time, EventKind::attempt_failed, [&](Event& event) { event.cause = Failure{error}; });
}

void SessionReporter::unit(Event::Time time, const Publication& publication,
                           const srpi::LogicalUnitInfo& info,
                           std::optional<std::uint64_t> old_size_bytes) noexcept {
  report(time, old_size_bytes ? EventKind::unit_resized : EventKind::unit_found, [&](Event& event) {
    if (old_size_bytes) event.old_size_bytes = *old_size_bytes;
    event.set_unit(publication.unit(info));
  });
}

void SessionReporter::unit_away(Event::Time time, const Publication& publication,
                                const srpi::LogicalUnitInfo& info) noexcept {
  const bool away = info.away.code != srpi::Errc::ok;
  report(time, away ? EventKind::unit_away : EventKind::unit_back, [&](Event& event) {
    if (away) event.cause = Failure{info.away};
    event.set_unit(publication.unit(info));
  });
}

void SessionReporter::unit_event(Event::Time time, const Publication& publication, srpi::SessionEvent what,
                                 const std::optional<srpi::LogicalUnitInfo>& info) noexcept {
  report(time, EventKind::unit_event, [&](Event& event) {
    event.event = srpi::to_string(what);
    event.lun.emplace();
    if (info) event.set_unit(publication.unit(*info));
  });
}

void SessionReporter::published(const Publication& publication, const Outcome<>& outcome) noexcept {
  if (!outcome)
    return report(hub_.now(), EventKind::publish_failed,
                  [&](Event& event) { event.cause = outcome.error(); });
  guarded([&] {
    for (const auto& unit : publication.units())
      report(hub_.now(), EventKind::published, [&](Event& event) { event.set_unit(unit); });
  });
}

void SessionReporter::device_lost(Event::Time time, const UnitView& unit, const srpi::Error& why) noexcept {
  report(time, EventKind::device_lost, [&](Event& event) {
    event.set_unit(unit);
    event.cause = Failure{why};
  });
}

}  // namespace srp_nbd
