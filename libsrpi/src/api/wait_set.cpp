// SPDX-License-Identifier: Apache-2.0
#include "api/wait_set.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace srpi::api {

WaitSet::~WaitSet() {
  if (timer_fd_ >= 0) ::close(timer_fd_);
  if (epoll_fd_ >= 0) ::close(epoll_fd_);
}

Result<> WaitSet::open() {
  epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
  timer_fd_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (epoll_fd_ < 0 || timer_fd_ < 0)
    return Error{Errc::no_memory,
                 std::string("cannot open a file descriptor to wait on: ") + std::strerror(errno)};
  const int timer[] = {timer_fd_};
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, timer[0], &event) != 0)
    return Error{Errc::no_memory, std::string("epoll_ctl: ") + std::strerror(errno)};
  return {};
}

void WaitSet::watch(std::span<const int> fds) {
  for (const int fd : watched_) ::epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  watched_.clear();
  watched_.assign(fds.begin(), fds.end());
  for (const int fd : watched_) {
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);  // EEXIST: it is in the list twice
  }
}

void WaitSet::set_deadline(base::Time deadline) noexcept {
  if (timer_fd_ < 0) return;  // not opened: the session's owner has its own clock
  // Setting the timer also clears an expiry that was not read, so a past deadline must be set again.
  if (deadline == deadline_ && deadline == base::kNever) return;
  deadline_ = deadline;
  itimerspec spec{};
  if (deadline != base::kNever) {
    const auto ns = std::max<std::int64_t>(deadline.time_since_epoch().count(), 1);
    spec.it_value.tv_sec = ns / 1'000'000'000;
    spec.it_value.tv_nsec = ns % 1'000'000'000;
  }
  ::timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &spec, nullptr);
}

}  // namespace srpi::api
