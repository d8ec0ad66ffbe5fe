// SPDX-License-Identifier: Apache-2.0
// One file descriptor that stands for several and a deadline: an epoll set with a timerfd in it.
#pragma once

#include <span>
#include <vector>

#include "base/clock.hpp"
#include "srpi/error.hpp"

namespace srpi::api {

class WaitSet {
 public:
  WaitSet() = default;
  ~WaitSet();
  WaitSet(const WaitSet&) = delete;
  WaitSet& operator=(const WaitSet&) = delete;

  [[nodiscard]] Result<> open();
  [[nodiscard]] int fd() const noexcept { return epoll_fd_; }
  // Replaces the descriptors. They stay their owner's; one that was closed meanwhile has left the set by itself.
  void watch(std::span<const int> fds);  // throws std::bad_alloc, and then watches none
  void set_deadline(base::Time) noexcept;

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  base::Time deadline_ = base::kNever;
  std::vector<int> watched_;
};

}  // namespace srpi::api
