// SPDX-License-Identifier: Apache-2.0
// One file descriptor for several descriptors and a deadline: an epoll set with a timerfd.
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
  // Replaces the descriptors, which stay with their owners. A closed descriptor leaves the set by itself.
  void watch(std::span<const int> fds);  // may throw std::bad_alloc; it then watches none
  void set_deadline(base::Time) noexcept;

 private:
  int epoll_fd_ = -1;
  int timer_fd_ = -1;
  base::Time deadline_ = base::kNever;
  std::vector<int> watched_;
};

}  // namespace srpi::api
