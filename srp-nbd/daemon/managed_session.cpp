// SPDX-License-Identifier: Apache-2.0
#include "daemon/managed_session.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "daemon/io_flusher.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

// The library keeps its own deadline; this only catches a lane that does not answer.
constexpr std::chrono::seconds kLaneSlack{3};

using srpi::SessionState;

spdlog::level::level_enum level_of(srpi::LogLevel level) {
  switch (level) {
    case srpi::LogLevel::debug:
      return spdlog::level::debug;
    case srpi::LogLevel::info:
      return spdlog::level::info;
    case srpi::LogLevel::warning:
      return spdlog::level::warn;
    case srpi::LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

ManagedSession::ManagedSession(boost::asio::any_io_executor executor, KernelDeviceManager& devices,
                               EventHub& events, SessionRequest request, std::function<void()> on_gone)
    : executor_(std::move(executor)),
      devices_(devices),
      request_(std::move(request)),
      reporter_(events, request_.name),
      on_gone_(std::move(on_gone)),
      start_deadline_(executor_),
      reconnect_waiters_(executor_) {}

LaneCallbacks ManagedSession::lane_callbacks() {
  // On the lane's thread: copy what is needed and go on at home, where the session may be gone by then.
  const auto at_home = [executor = executor_, weak = weak_from_this()](const auto& work) {
    // By value, not const: what asio moves must not be copied.
    boost::asio::post(executor, [weak, work = work] {
      if (const auto self = weak.lock(); self && self->publication_) work(*self);
    });
  };
  LaneCallbacks callbacks;
  using SystemClock = std::chrono::system_clock;  // labels for people; decides nothing
  callbacks.on_state = [at_home](SessionState from, SessionState to, const srpi::Error& cause) {
    insist([&, now = SystemClock::now()] {
      at_home([now, from, to, cause = cause](ManagedSession& self) { self.on_state(now, from, to, cause); });
    });
  };
  callbacks.on_attempt_failed = [at_home](const srpi::Error& error) {
    insist([&, now = SystemClock::now()] {
      at_home([now, error = error](ManagedSession& self) { self.on_attempt_failed(now, error); });
    });
  };
  callbacks.on_logical_unit = [at_home](srpi::LogicalUnit& unit, const srpi::UnitChange& change) {
    insist([&, now = SystemClock::now()] {
      at_home([now, info = unit.info(), change](ManagedSession& self) {
        self.on_logical_unit(now, info, change);
      });
    });
  };
  callbacks.on_event = [at_home](srpi::SessionEvent what, const srpi::LogicalUnit* unit) {
    insist([&, now = SystemClock::now()] {
      at_home([now, what, info = unit ? std::optional(unit->info()) : std::nullopt](ManagedSession& self) {
        self.reporter_.unit_event(now, *self.publication_, what, info);
      });
    });
  };
  callbacks.on_connection_closed = [at_home](std::uint64_t id, const srpi::Error& why) {
    insist([&, now = SystemClock::now()] {
      at_home([now, id, why = why](ManagedSession& self) {
        guarded([&] {
          if (const auto lost = self.publication_->connection_closed(id, why))
            self.reporter_.device_lost(now, lost->unit, lost->why);
        });
      });
    });
  };
  return callbacks;
}

void ManagedSession::start(Done done) {
  if (request_.listen_path.empty()) become_io_flusher();  // the lane's thread inherits it
  auto options = request_.options;
  options.log = [name = request_.name](srpi::LogLevel level, std::string_view text) {
    spdlog::log(level_of(level), "{}: {}", name, text);
  };
  LaneOptions lane_options;
  lane_options.name = request_.name;
  auto lane = Lane::start(request_.target.address, options, lane_callbacks(), lane_options);
  if (!lane) {
    phase_ = Phase::erasing;
    boost::asio::post(executor_,
                      [done = std::move(done), failure = Failure{lane.error()}] { done(failure); });
    return;
  }
  lane_ = std::move(*lane);
  last_status_.target = request_.target.address;
  publication_ = std::make_unique<Publication>(executor_, devices_, *lane_, request_);
  if (!request_.wait) {
    boost::asio::post(executor_, [done = std::move(done)] { done({}); });
    return;
  }
  start_done_ = std::move(done);
  start_deadline_.expires_after(connect_deadline());
  start_deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->phase_ != Phase::connecting) return;
    self->finish_start(connect_timed_out());
  });
}

std::chrono::steady_clock::duration ManagedSession::connect_deadline() const {
  return request_.options.connect_timeout + kLaneSlack;
}

void ManagedSession::finish_start(Outcome<> outcome) {
  start_deadline_.cancel();
  if (outcome) {
    phase_ = Phase::ready;
    publish_failure_.reset();
  } else if (!request_.wait) {
    // A session that was told to keep trying publishes again when it is live the next time.
    phase_ = Phase::connecting;
    publish_failure_ = outcome.error();
    spdlog::error("{}: not published: {}", request_.name, outcome.error().message);
  } else {
    phase_ = Phase::erasing;
    reconnect_waiters_.settle(outcome);
    return insist([&] {
      end_lane([this, outcome] {
        guarded([&] {
          if (auto done = std::exchange(start_done_, nullptr)) done(outcome);
        });
        settle_erase({});
      });
    });
  }
  reconnect_waiters_.settle(outcome);
  if (auto done = std::exchange(start_done_, nullptr)) done(std::move(outcome));
}

void ManagedSession::publish() {
  phase_ = Phase::publishing;
  const auto done = [this](const Outcome<>& outcome) {
    reporter_.published(*publication_, outcome);
    if (phase_ == Phase::publishing) finish_start(outcome);
  };
  guarded([&] { publication_->publish(units_, done); }, [&] { done(Failure::no_memory()); });
}

// The library has logged what it reports here.
void ManagedSession::on_state(Event::Time time, SessionState from, SessionState to,
                              const srpi::Error& cause) {
  last_status_.state = to;
  reporter_.state(time, from, to, cause);
  if (phase_ == Phase::erasing) return;

  switch (to) {
    case SessionState::live:
      if (phase_ == Phase::connecting) return publish();  // waiters are settled when that has ended
      if (phase_ == Phase::ready) reconnect_waiters_.settle({});
      return;
    case SessionState::disconnected:
      if (phase_ == Phase::connecting && start_done_)
        return finish_start(cause.code == srpi::Errc::ok
                                ? Failure{"cancelled", "disconnected while it was connecting"}
                                : Failure{cause});
      return reconnect_waiters_.disconnected(from, cause);
    case SessionState::erased: {
      spdlog::warn("{}: the target stayed away for longer than dev_loss; the session goes", request_.name);
      const auto self = shared_from_this();
      return erase([self](const Outcome<>&) { self->on_gone_(); });
    }
    default:
      return;
  }
}

void ManagedSession::on_attempt_failed(Event::Time time, const srpi::Error& error) {
  reporter_.attempt_failed(time, error);
  if (phase_ == Phase::connecting && start_done_) return finish_start(Failure{error});
  if (phase_ != Phase::erasing) reconnect_waiters_.fail(error);
}

void ManagedSession::on_logical_unit(Event::Time time, const srpi::LogicalUnitInfo& info,
                                     const srpi::UnitChange& change) {
  insist([&] {  // a unit that is missing here would never be published
    if (change.found)
      units_.push_back(info);
    else
      *std::ranges::find(units_, info.lun, &srpi::LogicalUnitInfo::lun) = info;
  });
  guarded([&] { publication_->update(info); });
  if (change.away || change.back) reporter_.unit_away(time, *publication_, info);
  if (change.found) reporter_.unit(time, *publication_, info, std::nullopt);
  if (change.resized) reporter_.unit(time, *publication_, info, change.old_blocks * info.block_size);
}

bool ManagedSession::has_device(std::uint32_t index) const {
  if (request_.device_index == index && phase_ != Phase::ready) return true;
  if (!publication_) return false;
  const auto path = fmt::format("/dev/nbd{}", index);
  const auto units = publication_->units();
  return std::ranges::any_of(units, [&](const UnitView& unit) { return unit.device == path; });
}

}  // namespace srp_nbd
