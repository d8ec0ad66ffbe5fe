// SPDX-License-Identifier: Apache-2.0
// Start, publication and erasure of a session.
#include "daemon/managed_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "support/coroutine.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// The library has its own deadline. This one is for a lane that does not answer.
constexpr std::chrono::seconds kLaneSlack{3};

Failure no_units() {
  return {"no_such_lun",
          "the target shows no logical unit to this initiator: expected at least one; check its access list "
          "for our initiator port id"};
}

spdlog::level::level_enum level_of(srpi::LogLevel level) {
  switch (level) {
    case srpi::LogLevel::debug: return spdlog::level::debug;
    case srpi::LogLevel::info: return spdlog::level::info;
    case srpi::LogLevel::warning: return spdlog::level::warn;
    case srpi::LogLevel::error: return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

ManagedSession::ManagedSession(asio::any_io_executor executor, EventHub& events, SessionRequest request,
                               MakeExport make_export, OnGone on_gone)
    : executor_(std::move(executor)),
      request_(std::move(request)),
      make_export_(std::move(make_export)),
      on_gone_(std::move(on_gone)),
      reporter_(events, request_.name),
      first_login_(executor_),
      gone_(executor_),
      live_waiters_(executor_) {}

asio::awaitable<Outcome<>> ManagedSession::start() {
  const auto self = shared_from_this();
  if (auto started = start_lane(); !started) {
    phase_ = Phase::erasing;
    co_return started;
  }
  if (!request_.wait) co_return Outcome<>();

  const auto login = co_await first_login_.wait_until(Clock::now() + connect_deadline());
  auto outcome = login ? *login : Outcome<>(connect_timed_out());
  if (outcome) outcome = co_await publish();
  if (outcome || phase_ == Phase::erasing) co_return outcome;

  phase_ = Phase::erasing;
  live_waiters_.settle(outcome);
  co_await end_lane();
  gone_.give({});
  co_return outcome;
}

Outcome<> ManagedSession::start_lane() {
  auto options = request_.options;
  options.log = [name = request_.name](srpi::LogLevel level, std::string_view text) {
    spdlog::log(level_of(level), "{}: {}", name, text);
  };
  LaneOptions lane_options;
  lane_options.name = request_.name;
  const auto create = [address = request_.target.address, options](srpi::SessionObserver* observer) {
    return srpi::Session::create(address, options, observer);
  };
  auto lane = Lane::start(create, lane_reports(), lane_options);
  if (!lane) return Failure{lane.error()};
  lane_ = std::move(*lane);
  last_status_.target = request_.target.address;
  export_ = make_export_(*lane_, request_);
  return {};
}

asio::awaitable<Outcome<>> ManagedSession::publish() {
  const auto self = shared_from_this();
  if (phase_ == Phase::erasing) co_return erased_meanwhile();
  phase_ = Phase::publishing;
  Outcome<> outcome = no_units();
  if (!units_.empty()) outcome = co_await export_->publish(units_);
  if (phase_ == Phase::erasing) co_return erased_meanwhile();

  reporter_.published(export_->units(), outcome);
  if (outcome) {
    phase_ = Phase::ready;
    publish_failure_.reset();
  } else if (!request_.wait) {
    // Without `wait`, the session publishes again when it is live the next time.
    phase_ = Phase::connecting;
    publish_failure_ = outcome.error();
    spdlog::error("{}: not published: {}", request_.name, outcome.error().message);
  }
  live_waiters_.settle(outcome);
  co_return outcome;
}

asio::awaitable<Outcome<>> ManagedSession::erase() {
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

asio::awaitable<void> ManagedSession::erase_lost() {
  const auto self = shared_from_this();
  (void)co_await erase();
  on_gone_(*this);
}

// The lane's thread may hang in a call, such as a name look-up. The main thread does not wait for it, because
// it serves other sessions. This session exists until the call ends.
asio::awaitable<void> ManagedSession::end_lane() {
  const auto self = shared_from_this();
  export_.reset();
  const Answer<std::monostate> ended(executor_);
  lane_->end([ended] { ended.send({}); });
  co_await ended.wait();
  lane_.reset();  // its thread has ended
}

std::chrono::steady_clock::duration ManagedSession::connect_deadline() const {
  return request_.options.connect_timeout + kLaneSlack;
}

bool ManagedSession::has_device(std::uint32_t index) const {
  if (request_.device_index == index && phase_ != Phase::ready) return true;
  if (!export_) return false;
  const auto path = fmt::format("/dev/nbd{}", index);
  const auto units = export_->units();
  return std::ranges::any_of(units, [&](const ExportedUnit& unit) { return unit.device == path; });
}

}  // namespace srp_nbd
