// SPDX-License-Identifier: Apache-2.0
// The erasure of a session, what it waits for, and the erasure of one unit.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "daemon/managed_session.hpp"

namespace srp_nbd {
namespace {

// An erase waits so long for a use that ends by itself: udev probes a device that was just connected.
constexpr std::chrono::seconds kProbeTime{1};
constexpr std::chrono::milliseconds kProbeInterval{100};

}  // namespace

awaitable<Outcome<>> ManagedSession::carry_out(EraseOrder order) {
  const auto self = shared_from_this();
  if (order.lun) co_return co_await erase_unit(*order.lun, order.force.value_or(false));
  if (!order.force.value_or(false))
    if (const auto unused = co_await await_no_users({}); !unused) co_return unused;
  co_return co_await erase();
}

awaitable<Outcome<>> ManagedSession::erase() {
  const auto self = shared_from_this();
  if (!lane_) co_return Outcome<>();
  if (phase_ == Phase::erasing) co_return co_await gone_.wait();

  phase_ = Phase::erasing;
  first_login_.give(erased_meanwhile());
  live_waiters_.settle(erased_meanwhile());
  const auto outcome = co_await export_->withdraw();
  co_await end_lane();
  gone_.give(outcome);
  co_return outcome;
}

awaitable<Outcome<>> ManagedSession::await_no_users(std::optional<std::uint64_t> lun) {
  const auto self = shared_from_this();
  const auto limit = std::chrono::steady_clock::now() + kProbeTime;
  while (export_) {
    const auto exporting = export_;
    const auto users = co_await exporting->users(lun);
    if (!users) co_return users.error();
    if (users->empty()) break;
    if (std::chrono::steady_clock::now() >= limit) {
      const auto what = lun ? fmt::format("{} --lun {}", request_.name, *lun) : request_.name;
      co_return Failure{"busy", fmt::format("{} is in use: {}; end that first, or erase it nevertheless with "
                                            "`srp-nbd erase {} --force`",
                                            lun ? fmt::format("lun {}", *lun) : request_.name,
                                            fmt::join(*users, ", "), what)};
    }
    co_await pause(kProbeInterval);
  }
  co_return Outcome<>();
}

Outcome<> ManagedSession::check_erasable(std::uint64_t lun) const {
  std::vector<std::uint64_t> luns;
  for (const auto& info : units_)
    if (!erased_units_.contains(info.lun)) luns.push_back(info.lun);
  if (std::ranges::find(luns, lun) == luns.end())
    return Failure{"no_such_lun", fmt::format("the session has no logical unit {}: expected one of {}", lun,
                                              fmt::join(luns, ", "))};
  if (luns.size() == 1)
    return Failure{"wrong_state",
                   fmt::format("lun {} is the last unit of {}: `srp-nbd erase {}` erases the session", lun,
                               request_.name, request_.name)};
  if (!is_published())
    return Failure{"wrong_state", fmt::format("{} is not published yet: try again later", request_.name)};
  return {};
}

awaitable<Outcome<>> ManagedSession::erase_unit(std::uint64_t lun, bool force) {
  const auto self = shared_from_this();
  if (const auto good = check_erasable(lun); !good) co_return good.error();
  if (!force)
    if (const auto unused = co_await await_no_users(lun); !unused) co_return unused;
  while (phase_ == Phase::adding) {
    const auto running = added_;
    co_await running.wait();
  }
  if (const auto good = check_erasable(lun); !good) co_return good.error();
  const auto unit = exported(*std::ranges::find(units_, lun, &srpi::LogicalUnitInfo::lun));
  erased_units_.insert(lun);
  unit_failures_.erase(lun);
  Outcome<> outcome;
  if (is_exported(lun)) {
    phase_ = Phase::adding;
    const auto end = added_ = Answer<std::monostate>(executor_);
    const auto exporting = export_;
    outcome = co_await exporting->remove(lun);
    if (phase_ == Phase::adding) phase_ = Phase::ready;
    end.give({});
  }
  spdlog::info("{}: lun {} erased on request", request_.name, lun);
  report(event(events_.now(), EventKind::unit_erased), &unit);
  if (phase_ == Phase::ready) spawn(executor_, publish_found());  // what was found meanwhile
  co_return outcome;
}

}  // namespace srp_nbd
