// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_reporter.hpp"

#include <utility>

#include "support/no_memory.hpp"

namespace srp_nbd {

SessionReporter::SessionReporter(EventHub& hub, std::string session_name)
    : hub_(hub), name_(std::move(session_name)) {}

Event SessionReporter::make_event(Event::Time time, EventKind kind) const {
  Event event;
  event.time = time;
  event.session = name_;
  event.kind = kind;
  return event;
}

Event SessionReporter::present_state() const {
  auto event = make_event(hub_.now(), EventKind::present);
  event.to = state_;
  event.cause = cause_;
  return event;
}

void SessionReporter::state(Event::Time time, srpi::SessionState from, srpi::SessionState to,
                            const srpi::Error& cause) noexcept {
  state_ = to;
  cause_.reset();
  if (cause.code != srpi::Errc::ok)
    guarded([&] { cause_ = Failure{cause}; }, [&] { cause_ = Failure::no_memory(); });
  hub_.report([&] {
    auto event = make_event(time, EventKind::state);
    event.from = from;
    event.to = to;
    event.cause = cause_;
    return event;
  });
}

void SessionReporter::attempt_failed(Event::Time time, const srpi::Error& error) noexcept {
  hub_.report([&] {
    auto event = make_event(time, EventKind::attempt_failed);
    event.cause = Failure{error};
    return event;
  });
}

void SessionReporter::unit(Event::Time time, const Publication& publication,
                           const srpi::LogicalUnitInfo& info,
                           std::optional<std::uint64_t> old_size_bytes) noexcept {
  hub_.report([&] {
    auto event = make_event(time, old_size_bytes ? EventKind::unit_resized : EventKind::unit_found);
    event.old_size_bytes = old_size_bytes;
    event.unit = publication.unit(info);
    return event;
  });
}

void SessionReporter::unit_away(Event::Time time, const Publication& publication,
                                const srpi::LogicalUnitInfo& info) noexcept {
  hub_.report([&] {
    const bool away = info.away.code != srpi::Errc::ok;
    auto event = make_event(time, away ? EventKind::unit_away : EventKind::unit_back);
    if (away) event.cause = Failure{info.away};
    event.unit = publication.unit(info);
    return event;
  });
}

void SessionReporter::unit_event(Event::Time time, const Publication& publication, srpi::SessionEvent what,
                                 const std::optional<srpi::LogicalUnitInfo>& info) noexcept {
  hub_.report([&] {
    auto event = make_event(time, EventKind::unit_event);
    event.reported = what;
    if (info) event.unit = publication.unit(*info);
    return event;
  });
}

void SessionReporter::published(const Publication& publication, const Outcome<>& outcome) noexcept {
  if (!outcome)
    return hub_.report([&] {
      auto event = make_event(hub_.now(), EventKind::publish_failed);
      event.cause = outcome.error();
      return event;
    });
  guarded([&] {
    for (auto& unit : publication.units())
      hub_.report([&] {
        auto event = make_event(hub_.now(), EventKind::published);
        event.unit = std::move(unit);
        return event;
      });
  });
}

void SessionReporter::device_lost(Event::Time time, const PublishedUnit& unit,
                                  const srpi::Error& why) noexcept {
  hub_.report([&] {
    auto event = make_event(time, EventKind::device_lost);
    event.unit = unit;
    event.cause = Failure{why};
    return event;
  });
}

}  // namespace srp_nbd
