// SPDX-License-Identifier: Apache-2.0
// The reports of a session's lane.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <functional>
#include <utility>

#include "daemon/managed_session.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using srpi::SessionState;

// Runs on the lane's thread. It copies the data and posts the work to the main thread; the session may be
// destroyed before the work runs.
class ManagedSession::LaneReports final : public LaneObserver {
 public:
  LaneReports(Executor executor, std::weak_ptr<ManagedSession> session)
      : executor_(std::move(executor)), session_(std::move(session)) {}

  void on_state(SessionState from, SessionState to, const srpi::Error& cause) override {
    at_home(&ManagedSession::on_state, from, to, cause);
  }
  void on_attempt_failed(const srpi::Error& error) override {
    at_home(&ManagedSession::on_attempt_failed, error);
  }
  void on_logical_unit(srpi::LogicalUnit& unit, const srpi::UnitChange& change) override {
    at_home(&ManagedSession::on_logical_unit, unit.info(), change);
  }
  void on_unit_not_taken(const srpi::UnitNotTaken& unit) override {
    at_home(&ManagedSession::on_unit_not_taken, unit);
  }
  void on_event(srpi::SessionEvent what, srpi::LogicalUnit* unit) override {
    at_home(&ManagedSession::on_event, what, unit ? std::optional(unit->info()) : std::nullopt);
  }
  void on_connection_closed(std::uint64_t id, const srpi::Error& why) override {
    at_home(&ManagedSession::on_connection_closed, id, why);
  }

 private:
  template<class Function, class... Arguments>
  void at_home(Function function, Arguments... arguments) const {
    const auto now = std::chrono::system_clock::now();  // only printed
    asio::post(executor_, [session = session_, function, now, arguments...] {
      if (const auto self = session.lock(); self && self->export_)
        std::invoke(function, *self, now, arguments...);
    });
  }

  const Executor executor_;
  const std::weak_ptr<ManagedSession> session_;
};

std::unique_ptr<LaneObserver> ManagedSession::lane_reports() {
  return std::make_unique<LaneReports>(executor_, weak_from_this());
}

void ManagedSession::report(Event event, const ExportedUnit* unit, std::optional<Failure> cause) {
  if (unit) event.set_unit(view_of(*unit));
  event.cause = std::move(cause);
  events_.publish(event);
}

UnitView ManagedSession::view_of(const ExportedUnit& unit) {
  auto view = make_unit_view(unit.info);
  view.device = text_or_null(unit.device);
  view.export_ = text_or_null(unit.uri);
  return view;
}

Event ManagedSession::present_state() const {
  auto present = event(events_.now(), EventKind::present);
  present.to = srpi::to_string(reported_state_);
  present.cause = reported_cause_;
  return present;
}

// Does not log, because the library has done so.
void ManagedSession::on_state(Event::Time time, SessionState from, SessionState to,
                              const srpi::Error& cause) {
  last_status_.state = to;
  reported_state_ = to;
  reported_cause_.reset();
  if (cause.code != srpi::Errc::ok) reported_cause_ = Failure{cause};
  auto change = event(time, EventKind::state);
  change.from = srpi::to_string(from);
  change.to = srpi::to_string(to);
  report(std::move(change), nullptr, reported_cause_);
  if (phase_ == Phase::erasing) return;
  if (to == SessionState::live) return on_live();
  if (to == SessionState::disconnected) return on_disconnected(from, cause);
  if (to != SessionState::erased) return;
  spdlog::warn("{}: the target stayed away for longer than dev_loss; the session goes", request_.name);
  spawn(executor_, erase_lost());
}

void ManagedSession::on_live() {
  if (phase_ == Phase::ready) return live_waiters_.settle({});
  if (phase_ != Phase::connecting) return;
  phase_ = Phase::publishing;  // after this, a loss does not make the start fail
  if (is_starting())
    first_login_.give({});
  else
    spawn(executor_, publish());
}

void ManagedSession::on_disconnected(SessionState from, const srpi::Error& cause) {
  if (phase_ != Phase::connecting || !is_starting()) return live_waiters_.disconnected(from, cause);
  first_login_.give(cause.code == srpi::Errc::ok
                        ? Failure{"cancelled", "disconnected while it was connecting"}
                        : Failure{cause});
}

void ManagedSession::on_attempt_failed(Event::Time time, const srpi::Error& error) {
  report(event(time, EventKind::attempt_failed), nullptr, Failure{error});
  if (phase_ == Phase::connecting && is_starting())
    first_login_.give(Failure{error});
  else if (phase_ != Phase::erasing)
    live_waiters_.fail(error);
}

ExportedUnit ManagedSession::exported(const srpi::LogicalUnitInfo& info) const {
  const auto units = export_->units();
  const auto found = std::ranges::find(units, info.lun, [](const auto& unit) { return unit.info.lun; });
  return found == units.end() ? ExportedUnit{info, {}, {}} : *found;
}

void ManagedSession::on_logical_unit(Event::Time time, const srpi::LogicalUnitInfo& info,
                                     const srpi::UnitChange& change) {
  if (change.found)
    units_.push_back(info);
  else
    *std::ranges::find(units_, info.lun, &srpi::LogicalUnitInfo::lun) = info;
  export_->resize(info);
  const auto unit = exported(info);
  if (change.away) report(event(time, EventKind::unit_away), &unit, Failure{info.away});
  if (change.back) report(event(time, EventKind::unit_back), &unit);
  if (change.found) report(event(time, EventKind::unit_found), &unit);
  if (!change.resized) return;
  auto resized = event(time, EventKind::unit_resized);
  resized.old_size_bytes = change.old_blocks * info.block_size;
  report(std::move(resized), &unit);
}

void ManagedSession::on_unit_not_taken(Event::Time time, const srpi::UnitNotTaken& unit) {
  auto reported = event(time, EventKind::unit_not_taken);
  reported.lun = std::optional(unit.lun);
  report(std::move(reported), nullptr, Failure{unit.why});
}

// Without a unit: the session does not use the unit of the event.
void ManagedSession::on_event(Event::Time time, srpi::SessionEvent what,
                              const std::optional<srpi::LogicalUnitInfo>& info) {
  auto reported = event(time, EventKind::unit_event);
  reported.event = srpi::to_string(what);
  reported.lun.emplace();
  if (!info) return report(std::move(reported));
  const auto unit = exported(*info);
  report(std::move(reported), &unit);
}

void ManagedSession::on_connection_closed(Event::Time time, std::uint64_t connection_id,
                                          const srpi::Error& why) {
  if (const auto lost = export_->connection_closed(connection_id, why))
    report(event(time, EventKind::device_lost), &lost->unit, Failure{lost->why});
}

}  // namespace srp_nbd
