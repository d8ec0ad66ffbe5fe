// SPDX-License-Identifier: Apache-2.0
#include "lane/lane.hpp"

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

static constexpr std::uint32_t kLeastRequests = 32;  // per front end

Lane::Lane(std::unique_ptr<LaneObserver> observer, LaneOptions options)
    : options_(std::move(options)),
      observer_(std::move(observer)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Lane::~Lane() {
  if (!thread_.joinable()) return;
  end({});
  thread_.join();
}

srpi::Result<std::unique_ptr<Lane>> Lane::start(const SessionFactory& factory,
                                                std::unique_ptr<LaneObserver> observer, LaneOptions options) {
  std::unique_ptr<Lane> lane(new Lane(std::move(observer), std::move(options)));
  if (!lane->wake_)
    return srpi::Error{srpi::Errc::no_memory, fmt::format("eventfd: {}", std::strerror(errno))};
  std::promise<srpi::Result<>> started;
  auto result = started.get_future();
  try {
    lane->thread_ = std::thread(&Lane::thread_main, lane.get(), std::cref(factory), std::ref(started));
  } catch (const std::system_error& error) {
    return srpi::Error{srpi::Errc::no_memory, fmt::format("no thread: {} (RLIMIT_NPROC)", error.what())};
  }
  if (auto outcome = result.get(); outcome.has_error()) return outcome.error();
  return lane;
}

void Lane::end(std::function<void()> ended) {
  post([this, ended = std::move(ended)](srpi::Session& session) mutable {
    is_stopping_ = true;
    if (ended) ended_ = std::move(ended);
    for (const auto& f : host_->front_ends()) f->close({srpi::Errc::cancelled, {}});
    session.erase();
  });
}

void Lane::post(Work work) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() > 1) return;
  ::eventfd_write(wake_.get(), 1);
}

void Lane::host(std::uint64_t id, std::uint64_t lun, MakeFrontEnd make) {
  post([this, id, lun, make = std::move(make)](srpi::Session& session) {
    const auto refuse = [&](srpi::Errc code, std::string why) {
      observer_->on_connection_closed(id, {code, std::move(why)});
    };
    if (is_stopping_) return refuse(srpi::Errc::cancelled, {});
    const auto count = host_->front_ends().size();
    if (count >= options_.max_connections)
      return refuse(srpi::Errc::busy, fmt::format("the lane serves {} connections already", count));
    const auto units = session.logical_units();
    const auto unit = std::ranges::find_if(units, [lun](const auto& u) { return u->info().lun == lun; });
    if (unit == units.end())
      return refuse(srpi::Errc::no_such_lun, fmt::format("the session has no logical unit {}", lun));
    // A share of the requests, so that each unit can have a front end.
    const auto share = static_cast<std::uint32_t>(options_.requests / std::max(units.size(), count + 1));
    const auto requests = std::min(options_.requests_per_connection, std::max(kLeastRequests, share));
    host_->add(make(*host_, **unit, id, requests));
  });
}

void Lane::drop(std::uint64_t id) {
  post([this, id](srpi::Session&) {
    for (const auto& f : host_->front_ends())
      if (f->id() == id) f->close({});
  });
}

void Lane::thread_main(const SessionFactory& factory, std::promise<srpi::Result<>>& started) noexcept {
  ::pthread_setname_np(::pthread_self(), options_.name.substr(0, 15).c_str());
  auto outcome = set_up(factory);
  const bool is_up = outcome.has_value();
  started.set_value(std::move(outcome));  // the references end here
  if (is_up) run();
  host_.reset();
  session_.reset();
  if (ended_) std::exchange(ended_, nullptr)();
}

srpi::Result<> Lane::set_up(const SessionFactory& factory) {
  try {
    host_.emplace(options_);
  } catch (const std::system_error& error) {
    return srpi::Error{srpi::Errc::no_memory, error.what()};
  }
  // Each front end may receive and send at the same time. The 8 are for the lane itself.
  if (auto opened = host_->ring().open(2 * options_.max_connections + 8); opened.has_error()) return opened;
  auto session = factory(observer_.get());
  if (session.has_error()) return session.error();
  session_ = std::move(*session);
  return host_->register_memory(*session_);
}

// A busy lane does all available work, then polls again. An idle lane polls some times, then arms the session
// and sleeps in the ring. Its sockets, its eventfd and the session's descriptor wake it.
void Lane::run() {
  LaneHost& host = *host_;
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  const std::uint32_t idle_polls = cpus > 1 ? options_.idle_polls : 0;
  std::uint32_t idle = 0;
  bool is_asleep = false;
  for (;;) {
    std::size_t done = is_asleep ? session_->poll() : 0;  // so that requests need not wake the session up
    done += host.ring().take_completions();               // they are submitted here,
    done += run_posted();
    done += session_->poll();    // sent to the target, and completed, here,
    done += host.service_all();  // and answered here
    done += host.resume_waiting();
    if (host.is_memory_short()) host.close_stuck();
    host.remove_ended([this](const FrontEnd& f) { observer_->on_connection_closed(f.id(), f.reason()); });
    if (is_stopping_ && host.front_ends().empty()) return;
    idle = done > 0 ? 0 : idle + 1;
    is_asleep = idle > idle_polls && session_->arm();
    if (is_asleep)
      sleep();
    else if (idle <= idle_polls)
      host.ring().submit();
  }
}

void Lane::sleep() {
  Ring& ring = host_->ring();
  if (!session_ready_.is_pending) ring.wait_readable(session_ready_, session_->fd());
  if (!woken_.is_pending) ring.wait_readable(woken_, wake_.get());
  if (host_->is_memory_short())
    ring.sleep(LaneHost::kLookForStuck);
  else
    ring.sleep();
}

std::size_t Lane::run_posted() {
  std::vector<Work> work;
  {
    const std::lock_guard lock(posted_mutex_);
    if (posted_.empty()) return 0;
    work.swap(posted_);
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
  }
  for (auto& w : work) std::exchange(w, nullptr)(*session_);
  return work.size();
}

}  // namespace srp_nbd
