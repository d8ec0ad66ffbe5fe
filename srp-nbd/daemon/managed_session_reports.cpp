// SPDX-License-Identifier: Apache-2.0
// The reports of a session's lane.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "daemon/managed_session.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using srpi::SessionState;

namespace {

// So many reports in a batch that are part of others show a flood. The next ones wait for a moment then, so that
// they cost the main thread and the followers little, however many there are.
constexpr std::size_t kFlood = 16;
constexpr std::chrono::milliseconds kFloodPause{50};

// Those whose change has no event of its own.
auto properties_of(const srpi::LogicalUnitInfo& info) {
  return std::tuple(info.read_only, info.can_unmap, info.can_write_zeroes);
}

}  // namespace

// On the lane's thread.
class ManagedSession::Observer final : public LaneObserver {
 public:
  Observer(Executor executor, std::weak_ptr<ManagedSession> session, std::shared_ptr<LaneReports> reports)
      : executor_(std::move(executor)), session_(std::move(session)), reports_(std::move(reports)) {}

  void on_state(SessionState from, SessionState to, const srpi::Error& cause) override {
    put(StateReport{from, to, cause});
  }
  void on_attempt_failed(const srpi::Error& error) override { put(FailedAttemptReport{error}); }
  void on_logical_unit(srpi::LogicalUnit& unit, const srpi::UnitChange&) override {
    put(UnitReport{unit.info()});
  }
  void on_unit_not_taken(const srpi::UnitNotTaken& unit) override { put(UnitNotTakenReport{unit}); }
  void on_event(srpi::SessionEvent what, srpi::LogicalUnit* unit) override {
    put(UnitEventReport{what, unit ? std::optional(unit->info().lun) : std::nullopt});
  }
  void on_connection_closed(std::uint64_t id, const srpi::Error& why) override {
    asio::post(executor_, [weak = session_, time = std::chrono::system_clock::now(), id, why] {
      const auto session = weak.lock();
      if (session && session->export_) session->on_connection_closed(time, id, why);
    });
  }

 private:
  template<class What>
  void put(What what) const {
    reports_->put({std::chrono::system_clock::now(), std::move(what)});  // the time is only printed
  }

  const Executor executor_;
  const std::weak_ptr<ManagedSession> session_;
  const std::shared_ptr<LaneReports> reports_;
};

// The session may be destroyed before its last reports are taken.
std::unique_ptr<LaneObserver> ManagedSession::observe_lane() {
  reports_ = std::make_shared<LaneReports>([executor = executor_, weak = weak_from_this()] {
    asio::post(executor, [executor, weak] { spawn(executor, take_reports(weak)); });
  });
  return std::make_unique<Observer>(executor_, weak_from_this(), reports_);
}

awaitable<void> ManagedSession::take_reports(std::weak_ptr<ManagedSession> weak) {
  for (;;) {
    bool is_flood = false;
    if (const auto self = weak.lock()) {
      auto batch = self->reports_->take();
      if (batch.reports.empty()) co_return;
      is_flood = batch.merged >= kFlood;
      for (auto& report : batch.reports) self->take(report);
    } else {
      co_return;
    }
    co_await pause(is_flood ? kFloodPause : std::chrono::milliseconds(0));
  }
}

void ManagedSession::take(LaneReport& report) {
  if (const auto* call = std::get_if<ReportedCall>(&report.what)) return (*call)();
  if (!export_) return;
  std::visit(
      [&](const auto& what) {
        if constexpr (!std::is_same_v<decltype(what), const ReportedCall&>) on(report.time, what);
      },
      report.what);
}

void ManagedSession::report(Event event, const ExportedUnit* unit, std::optional<Failure> cause) {
  if (unit) event.set_unit(view_of(*unit));
  event.cause = std::move(cause);
  events_.publish(event);
}

UnitView ManagedSession::view_of(const ExportedUnit& unit) const {
  auto view = make_unit_view(unit.info);
  view.device = text_or_null(unit.device);
  view.export_ = text_or_null(unit.uri);
  if (const auto why = unit_failures_.find(unit.info.lun); why != unit_failures_.end())
    view.publish_error = why->second;
  return view;
}

Event ManagedSession::present_state() const {
  auto present = event(events_.now(), EventKind::present);
  present.to = srpi::to_string(reported_state_);
  present.cause = reported_cause_;
  return present;
}

// Does not log, because the library has done so.
void ManagedSession::on(Event::Time time, const StateReport& reported) {
  const auto& [from, to, cause] = reported;
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
  if (is_published()) return live_waiters_.settle({});
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

void ManagedSession::on(Event::Time time, const FailedAttemptReport& failed) {
  const auto& error = failed.error;
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

void ManagedSession::on(Event::Time time, const UnitReport& reported) {
  const auto& info = reported.info;
  const auto known = std::ranges::find(units_, info.lun, &srpi::LogicalUnitInfo::lun);
  const bool found = known == units_.end();
  const auto blocks_before = found ? info.blocks : known->blocks;
  const auto away_before = found ? srpi::Errc::ok : known->away.code;
  const auto properties_before = properties_of(found ? info : *known);
  if (found)
    units_.push_back(info);
  else
    *known = info;
  export_->resize(info);
  const auto unit = exported(info);
  if (properties_of(info) != properties_before) report(event(time, EventKind::unit_changed), &unit);
  if (found) {
    report(event(time, EventKind::unit_found), &unit);
    if (phase_ == Phase::ready) spawn(executor_, publish_found());
  }
  if (info.away.code != away_before) {
    if (info.away.code != srpi::Errc::ok)
      report(event(time, EventKind::unit_away), &unit, Failure{info.away});
    else
      report(event(time, EventKind::unit_back), &unit);
  }
  if (info.blocks == blocks_before) return;
  auto resized = event(time, EventKind::unit_resized);
  resized.old_size_bytes = blocks_before * info.block_size;
  report(std::move(resized), &unit);
}

void ManagedSession::on(Event::Time time, const UnitNotTakenReport& not_taken) {
  auto reported = event(time, EventKind::unit_not_taken);
  reported.lun = std::optional(not_taken.unit.lun);
  report(std::move(reported), nullptr, Failure{not_taken.unit.why});
}

void ManagedSession::on(Event::Time time, const UnitEventReport& told) {
  auto reported = event(time, EventKind::unit_event);
  reported.event = srpi::to_string(told.what);
  reported.count = told.count;
  reported.lun.emplace();  // null: the session does not use the unit of the event
  const auto known =
      std::ranges::find_if(units_, [&](const srpi::LogicalUnitInfo& info) { return told.lun == info.lun; });
  if (known == units_.end()) return report(std::move(reported));
  const auto unit = exported(*known);
  report(std::move(reported), &unit);
}

void ManagedSession::on_connection_closed(Event::Time time, std::uint64_t id, const srpi::Error& why) {
  if (const auto lost = export_->connection_closed(id, why))
    report(event(time, EventKind::device_lost), &lost->unit, Failure{lost->why});
}

}  // namespace srp_nbd
