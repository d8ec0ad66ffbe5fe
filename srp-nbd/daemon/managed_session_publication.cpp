// SPDX-License-Identifier: Apache-2.0
// The publication of a session's units: all of them at the begin, and each one that is found later.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/managed_session.hpp"

namespace srp_nbd {
namespace {

constexpr std::chrono::seconds kPublishInterval{5};

Failure no_units() {
  return {"no_such_lun",
          "the target shows no logical unit to this initiator: expected at least one; check its access list "
          "for our initiator port id"};
}

}  // namespace

Failure ManagedSession::erased_meanwhile() { return {"no_such_session", "the session was erased meanwhile"}; }

awaitable<Outcome<>> ManagedSession::publish() {
  const auto self = shared_from_this();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  phase_ = Phase::publishing;
  ++publications_;
  Outcome<> outcome = no_units();
  if (!units_.empty()) outcome = co_await export_->publish(units_);
  if (phase_ == Phase::erasing) co_return erased_meanwhile();

  if (outcome) {
    for (const auto& unit : export_->units()) report(event(events_.now(), EventKind::published), &unit);
    phase_ = Phase::ready;
    publish_failure_.reset();
    spawn(executor_, publish_found());  // meanwhile
  } else {
    const auto& why = outcome.error();
    const bool is_news = !publish_failure_ || publish_failure_->message != why.message;
    if (is_news) report(event(events_.now(), EventKind::publish_failed), nullptr, why);
    if (!request_.wait) {
      // Without `wait`, the session publishes again: after some time, or when it is live the next time.
      phase_ = Phase::connecting;
      publish_failure_ = why;
      if (is_news) spdlog::error("{}: not published: {}", request_.name, why.message);
      spawn(executor_, publish_later(weak_from_this(), publications_));
    }
  }
  live_waiters_.settle(outcome);
  co_return outcome;
}

awaitable<void> ManagedSession::publish_found() {
  const auto self = shared_from_this();
  if (phase_ == Phase::adding) {
    const auto running = added_;
    co_await running.wait();
    co_return;
  }
  if (phase_ != Phase::ready) co_return;
  phase_ = Phase::adding;
  const auto end = added_ = Answer<std::monostate>(executor_);
  for (std::size_t i = 0; i < units_.size() && phase_ == Phase::adding; ++i)
    if (!is_exported(units_[i].lun) && !erased_units_.contains(units_[i].lun))
      (void)co_await publish_found(units_[i]);
  if (phase_ == Phase::adding) phase_ = Phase::ready;
  end.give({});
}

awaitable<Outcome<>> ManagedSession::publish_found(srpi::LogicalUnitInfo info) {
  const auto self = shared_from_this();
  const auto exporting = export_;
  const auto outcome = co_await exporting->add(info);
  if (phase_ != Phase::adding) co_return outcome;
  const auto unit = exported(info);
  if (outcome) {
    unit_failures_.erase(info.lun);
    report(event(events_.now(), EventKind::published), &unit);
    co_return outcome;
  }
  const auto& why = outcome.error();
  const auto before = unit_failures_.find(info.lun);
  const bool is_news = before == unit_failures_.end() || before->second.message != why.message;
  unit_failures_[info.lun] = why;
  if (!is_news) co_return outcome;
  spdlog::error("{}: lun {} is not published: {}", request_.name, info.lun, why.message);
  report(event(events_.now(), EventKind::unit_publish_failed), &unit, why);
  co_return outcome;
}

bool ManagedSession::is_exported(std::uint64_t lun) const {
  const auto units = export_->units();
  return std::ranges::any_of(units, [&](const ExportedUnit& unit) { return unit.info.lun == lun; });
}

awaitable<void> ManagedSession::publish_later(std::weak_ptr<ManagedSession> session, std::uint64_t failed) {
  co_await pause(kPublishInterval);
  const auto self = session.lock();
  if (self && self->publications_ == failed && self->phase_ == Phase::connecting &&
      self->reported_state_ == srpi::SessionState::live)
    (void)co_await self->publish();
}

}  // namespace srp_nbd
