// SPDX-License-Identifier: Apache-2.0
#include "api/session_impl.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.hpp"
#include "base/make_error.hpp"
#include "srpi/session_option_table.hpp"
#include "wire/lun.hpp"

namespace srpi::api {
namespace {

constexpr std::size_t kFdsExpected = 16;
constexpr base::Time kNow{};  // a deadline that is over

lun::Unit& unit_of(const std::unique_ptr<LogicalUnit>& unit) { return static_cast<lun::Unit&>(*unit); }

std::optional<SessionEvent> public_event_of(scsi::Event event) {
  switch (event) {
    case scsi::Event::none: return std::nullopt;
    case scsi::Event::capacity_changed: return SessionEvent::capacity_changed;
    case scsi::Event::luns_changed: return SessionEvent::logical_units_changed;
    case scsi::Event::lun_reset: return SessionEvent::logical_unit_reset;
    case scsi::Event::mode_parameters_changed: return SessionEvent::mode_parameters_changed;
    case scsi::Event::identity_changed: return SessionEvent::identity_changed;
    case scsi::Event::medium_changed: return SessionEvent::medium_changed;
    case scsi::Event::reservations_changed: return SessionEvent::reservations_changed;
    case scsi::Event::space_low: return SessionEvent::space_low;
    case scsi::Event::failure_predicted: return SessionEvent::failure_predicted;
    case scsi::Event::deferred_error: return SessionEvent::deferred_error;
  }
  return std::nullopt;
}

}  // namespace

SessionImpl::SessionImpl(const TargetAddress& target, const SessionOptions& options,
                         SessionObserver* observer, std::unique_ptr<fabric::Fabric> fabric,
                         EmbeddedFabric* embedded, std::uint64_t seed, const base::Clock* clock)
    : options_(options),
      target_(target),
      observer_(observer),
      clock_(clock ? *clock : steady_clock_),
      fabric_(std::move(fabric)),
      embedded_(embedded),
      proof_(options_, clock_, this),
      nexus_(*fabric_, target, options_, clock_, base::Random(seed), proof_, *this) {
  fds_.reserve(kFdsExpected);
}

// Callbacks of its functions run. They may not call functions that call back.
class SessionImpl::Working {
 public:
  explicit Working(SessionImpl& session) noexcept : stage_(session.stage_) {
    SRPI_CHECK(stage_ !=
               Stage::working);  // a callback has called poll or erase, or has destroyed the session
    before_ = std::exchange(stage_, Stage::working);
  }
  ~Working() { stage_ = before_; }

 private:
  Stage& stage_;
  Stage before_;
};

// A callback that submits now is refused: no poll would follow to complete its request.
SessionImpl::~SessionImpl() {
  SRPI_CHECK(stage_ != Stage::working);  // a callback has destroyed the session
  stage_ = Stage::ending;
  busy_units_.sleep(*this);
  nexus_.erase();
  fail_waiting();
}

void SessionImpl::on_state(session::State from, session::State to, const Error& cause) {
  if (!nexus_.may_rescan()) rescans_.fail(Errc::no_connect);
  const auto a = session::published(from), b = session::published(to);
  if (a == b) return;  // an internal change of state; on_attempt_failed has reported the cause
  log(cause.code == Errc::ok ? LogLevel::info : LogLevel::warning, [&] {
    return fmt::format("{} -> {}{}{}", to_string(a), to_string(b), cause.code == Errc::ok ? "" : ": ",
                       cause.code == Errc::ok ? "" : cause.message());
  });
  if (observer_) observer_->on_state(a, b, cause);
}

void SessionImpl::on_search_ended(const Error& error) {
  rescan_error_ = error;
  if (error.code != Errc::ok)
    log(event_lines_, LogLevel::warning, [&] { return "rescan failed: " + error.message(); });
  rescans_.on_search_ended(error.code);
}

void SessionImpl::on_attempt_failed(const Error& error) {
  log(LogLevel::warning, [&] { return "attempt to connect failed: " + error.message(); });
  if (observer_) observer_->on_attempt_failed(error);
}

void SessionImpl::on_unit_event(std::uint64_t lun, scsi::Event event) {
  const auto public_event = public_event_of(event);
  if (!public_event) return;
  const auto unit = std::ranges::find_if(units_, [&](const auto& u) { return unit_of(u).wire_lun() == lun; });
  if (event == scsi::Event::deferred_error && unit != units_.end()) unit_of(*unit).note_lost_write();
  log(event_lines_, LogLevel::info,
      [&] { return fmt::format("LUN {}: {}", wire::lun_to_string(lun), scsi::to_string(event)); });
  if (observer_) observer_->on_event(*public_event, unit == units_.end() ? nullptr : unit->get());
}

void SessionImpl::on_channels(std::uint32_t live, const Error& cause) {
  const bool good = cause.code == Errc::ok;
  log(channel_lines_, good ? LogLevel::info : LogLevel::warning, [&] {
    return fmt::format("{} of {} channels are live{}{}", live, nexus_.channels().all().size(),
                       good ? "" : ": ", good ? "" : cause.message());
  });
}

void SessionImpl::fail_waiting() noexcept {
  for (const auto& unit : units_) unit_of(unit).fail_waiting(Errc::no_connect);
  rescans_.fail(Errc::no_connect);
}

Result<> SessionImpl::not_erased() const noexcept {
  if (state() != SessionState::erased) return {};
  return base::make_error(Errc::wrong_state, "the session is erased");
}

Result<> SessionImpl::may_change_state() const noexcept {
  if (stage_ == Stage::working)
    return base::make_error(Errc::wrong_state, "called from a callback of the session: call it after poll");
  return not_erased();
}

Result<> SessionImpl::disconnect() {
  if (auto possible = may_change_state(); !possible) return possible;
  by_administrator_ = true;
  {
    const Working working(*this);
    nexus_.disconnect();
    fail_waiting();
  }
  wake();
  return {};
}

Result<> SessionImpl::reconnect() {
  if (auto possible = may_change_state(); !possible) return possible;
  by_administrator_ = false;
  {
    const Working working(*this);
    nexus_.reconnect();
  }
  wake();
  return {};
}

Result<> SessionImpl::change_options(const SessionOptions& wanted) {
  if (auto possible = may_change_state(); !possible) return possible;
  return base::or_no_memory<Result<>>([&]() -> Result<> {
    if (auto good = wanted.validate(); !good) return good;
    for (const auto& option : session_option_table())
      if (!option.changes_live && option.get(wanted) != option.get(options_))
        return Error{Errc::invalid_argument, fmt::format("{} of a session cannot change", option.name)};
    const bool had_attempts = options_.reconnect_delay.has_value();
    for (const auto& option : session_option_table())
      if (option.changes_live) option.copy(wanted, options_);
    wake();
    const bool waits = state() == SessionState::disconnected && !by_administrator_;
    return waits && !had_attempts && options_.reconnect_delay ? reconnect() : Result<>();
  });
}

void SessionImpl::erase() {
  {
    const Working working(*this);
    nexus_.erase();
    fail_waiting();
  }
  wake();
}

Errc SessionImpl::rescan(TaskRequest& r) noexcept {
  if (stage_ == Stage::ending) return Errc::no_connect;
  if (const auto refusal = rescans_.submit(r); refusal != Errc::ok) return refusal;
  wake();
  return Errc::ok;
}

std::size_t SessionImpl::begin_rescans() noexcept {
  if (nexus_.may_rescan()) {
    rescans_.accept_new();
    nexus_.rescan();
  } else {
    rescans_.fail(Errc::no_connect);
  }
  return 1;
}

Result<std::unique_ptr<Memory>> SessionImpl::register_memory(std::span<std::byte> bytes) {
  if (auto possible = not_erased(); !possible) return possible.error();
  return base::or_no_memory<Result<std::unique_ptr<Memory>>>([&] { return nexus_.memories().add(bytes); });
}

std::size_t SessionImpl::poll() {
  if (stage_ != Stage::awake) {
    SRPI_CHECK(stage_ == Stage::asleep);  // otherwise a callback has called poll
    busy_units_.wake();
  }
  // Also if an observer throws, which it must not: the session can still be destroyed.
  struct Awake {
    Stage& stage;
    ~Awake() { stage = Stage::awake; }
  } const afterwards{stage_};
  stage_ = Stage::working;
  auto n = busy_units_.poll();
  if (rescans_.has_new()) [[unlikely]]
    n += begin_rescans();
  try {
    n += nexus_.poll();
  } catch (const std::bad_alloc&) {
    ++n;  // the next poll processes it again
  }
  // Completions may have submitted requests and freed commands for waiting ones.
  n += busy_units_.poll();
  nexus_.flush();
  return n;
}

void SessionImpl::flush() {
  if (stage_ == Stage::working) return;  // the function that calls back sends, or the next poll
  busy_units_.issue();
  nexus_.flush();
  if (stage_ != Stage::asleep) return;
  // fd() must not stay silent beyond this time. The built-in target works only during polls.
  if (embedded_ || has_work()) return wake();
  const auto due = next_deadline();
  if (due < sleeps_until_ || sleeps_until_ == kNow) sleep_until(due);
}

void SessionImpl::sleep_until(base::Time time) noexcept {
  stage_ = Stage::asleep;
  sleeps_until_ = time;
  wait_set_.set_deadline(time);
  busy_units_.sleep(*this);
}

void SessionImpl::wake() noexcept {
  if (stage_ != Stage::asleep || sleeps_until_ == kNow) return;
  sleeps_until_ = kNow;
  wait_set_.set_deadline(kNow);
  busy_units_.wake();
}

bool SessionImpl::on_work() noexcept {
  if (stage_ == Stage::ending) return false;
  busy_units_.wake();
  wake();
  return true;
}

bool SessionImpl::has_work() const noexcept {
  return nexus_.has_work() || busy_units_.has_work() || rescans_.has_new();
}

base::Time SessionImpl::next_deadline() const noexcept {
  return std::min(nexus_.next_deadline(), busy_units_.next_deadline());
}

bool SessionImpl::arm() {
  if (stage_ == Stage::working || has_work()) return false;
  const auto deadline = next_deadline();
  // In this order, because arming also advances the next look at the connection.
  if (!nexus_.arm() || deadline <= clock_.now()) return false;
  if (nexus_.fds_version() != watched_version_) {
    fds_.clear();
    try {
      nexus_.append_fds(fds_);
      wait_set_.watch(fds_);
    } catch (const std::bad_alloc&) {
      return false;
    }
    watched_version_ = nexus_.fds_version();
  }
  sleep_until(deadline);
  return true;
}

}  // namespace srpi::api
