// SPDX-License-Identifier: Apache-2.0
#include "lane/lane_loop.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace srp_nbd {

namespace {
constexpr std::uint32_t kLeastRequests = 32;  // per front end
}  // namespace

LaneLoop::LaneLoop(LaneOptions options, LaneCallbacks callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)) {}

LaneLoop::~LaneLoop() {
  if (!thread_.joinable()) return;
  end({});
  thread_.join();
}

srpi::Result<> LaneLoop::start(Lane::SessionFactory factory) {
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return srpi::Error{srpi::Errc::no_memory, fmt::format("eventfd: {}", std::strerror(errno))};
  std::promise<srpi::Result<>> started;
  auto result = started.get_future();
  try {
    thread_ = std::thread([this, factory = std::move(factory), &started] { thread_main(factory, started); });
  } catch (const std::system_error& error) {
    return srpi::Error{srpi::Errc::no_memory, fmt::format("no thread: {} (RLIMIT_NPROC)", error.what())};
  }
  auto outcome = result.get();
  if (outcome.has_error()) thread_.join();
  return outcome;
}

void LaneLoop::end(std::function<void()> ended) {
  post([this, ended = std::move(ended)](srpi::Session& session) mutable {
    is_stopping_ = true;
    if (ended) ended_ = std::move(ended);
    for (const auto& f : host_->front_ends()) f->close({srpi::Errc::cancelled, {}});
    session.erase();
  });
}

void LaneLoop::thread_main(const Lane::SessionFactory& factory,
                           std::promise<srpi::Result<>>& started) noexcept {
  ::pthread_setname_np(::pthread_self(), options_.name.substr(0, 15).c_str());
  if (auto outcome = set_up(factory); outcome.has_error()) {
    tear_down();
    return started.set_value(std::move(outcome));
  }
  started.set_value({});
  run();
  tear_down();
  if (ended_) std::exchange(ended_, nullptr)();
}

srpi::Result<> LaneLoop::set_up(const Lane::SessionFactory& factory) {
  host_.emplace(options_);
  // Each front end may receive and send at the same time. The 8 are for the lane itself.
  if (auto opened = host_->ring().open(2 * options_.max_connections + 8); opened.has_error())
    return opened.error();
  if (auto mapped = host_->memory().map(options_); mapped.has_error()) return mapped.error();
  auto session = factory(this);
  if (session.has_error()) return session.error();
  session_ = std::move(*session);
  return host_->memory().register_with(*session_);
}

void LaneLoop::tear_down() noexcept {
  host_.reset();
  session_.reset();
}

// A busy lane does all available work, then polls again. An idle lane polls some times, then arms the session
// and sleeps in the ring. Its sockets, its eventfd and the session's descriptor wake it.
void LaneLoop::run() {
  LaneHost& host = *host_;
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  const std::uint32_t idle_polls = cpus > 1 ? options_.idle_polls : 0;
  std::uint32_t idle = 0;
  for (;;) {
    std::size_t done = host.ring().take_completions();  // requests are submitted here,
    done += run_posted();
    done += session_->poll();    // sent to the target, and completed, here,
    done += host.service_all();  // and answered here
    done += host.resume_waiting();
    if (host.is_memory_short()) host.close_stuck();
    report_ended();
    if (is_stopping_ && host.front_ends().empty()) return;
    if (done > 0) {
      idle = 0;
      host.ring().submit();
    } else if (idle < idle_polls) {
      ++idle;
      host.ring().submit();
    } else if (session_->arm()) {
      sleep();
    }
  }
}

void LaneLoop::sleep() {
  Ring& ring = host_->ring();
  if (!session_ready_.is_pending) ring.wait_readable(session_ready_, session_->fd());
  if (!woken_.is_pending) ring.wait_readable(woken_, wake_.get());
  if (host_->is_memory_short())
    ring.sleep(LaneHost::kLookForStuck);
  else
    ring.sleep();
}

std::size_t LaneLoop::run_posted() {
  std::vector<Work> work;
  {
    const std::lock_guard lock(posted_mutex_);
    if (posted_.empty()) return 0;
    work.swap(posted_);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
  }
  for (auto& w : work) std::exchange(w, nullptr)(*session_);
  return work.size();
}

void LaneLoop::post(Work work) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() > 1) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
}

// The requests for one more front end, so that each unit can have one.
std::uint32_t LaneLoop::request_share() const noexcept {
  const auto shares = std::max(session_->logical_units().size(), host_->front_ends().size() + 1);
  return std::min(options_.requests_per_connection,
                  std::max(kLeastRequests, static_cast<std::uint32_t>(options_.requests / shares)));
}

void LaneLoop::host(std::uint64_t id, std::uint64_t lun, const MakeFrontEnd& make) {
  if (is_stopping_) return closed(id, {srpi::Errc::cancelled, {}});
  const auto count = host_->front_ends().size();
  if (count >= options_.max_connections)
    return closed(id, {srpi::Errc::busy, fmt::format("the lane serves {} connections already", count)});
  const auto units = session_->logical_units();
  const auto unit = std::ranges::find_if(units, [lun](const auto& u) { return u->info().lun == lun; });
  if (unit == units.end())
    return closed(id, {srpi::Errc::no_such_lun, fmt::format("the session has no logical unit {}", lun)});
  host_->add(make(*host_, **unit, id, request_share()));
}

void LaneLoop::drop(std::uint64_t id) {
  for (const auto& f : host_->front_ends())
    if (f->id() == id) f->close({});
}

void LaneLoop::report_ended() {
  while (const auto ended = host_->take_ended()) closed(ended->id(), ended->reason());
}

void LaneLoop::closed(std::uint64_t id, const srpi::Error& why) const {
  if (callbacks_.on_connection_closed) callbacks_.on_connection_closed(id, why);
}

void LaneLoop::on_state(srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause) {
  if (callbacks_.on_state) callbacks_.on_state(from, to, cause);
}
void LaneLoop::on_logical_unit(srpi::LogicalUnit& unit, const srpi::UnitChange& change) {
  if (callbacks_.on_logical_unit) callbacks_.on_logical_unit(unit, change);
}
void LaneLoop::on_attempt_failed(const srpi::Error& why) {
  if (callbacks_.on_attempt_failed) callbacks_.on_attempt_failed(why);
}
void LaneLoop::on_event(srpi::SessionEvent event, srpi::LogicalUnit* unit) {
  if (callbacks_.on_event) callbacks_.on_event(event, unit);
}

}  // namespace srp_nbd
