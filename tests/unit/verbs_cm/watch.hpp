// SPDX-License-Identifier: Apache-2.0
// Watches descriptors with epoll. A descriptor that is closed and opened again is not watched any more, even
// with the same number.
#pragma once

#include <sys/epoll.h>

#include <vector>

#include "base/check.hpp"
#include "verbs/handles.hpp"

namespace srpi::verbs::test {

class Watch {
 public:
  explicit Watch(const std::vector<int>& fds) : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (const int fd : fds) {
      epoll_event event{};
      event.events = EPOLLIN;
      SRPI_CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
    }
  }
  [[nodiscard]] bool readable(int within_ms = 0) const {
    epoll_event event{};
    return epoll_wait(epoll_.get(), &event, 1, within_ms) == 1;
  }

 private:
  FileDescriptor epoll_;
};

}  // namespace srpi::verbs::test
