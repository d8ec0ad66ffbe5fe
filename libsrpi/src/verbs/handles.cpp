// SPDX-License-Identifier: Apache-2.0
#include "verbs/handles.hpp"

#include <fcntl.h>

namespace srpi::verbs {

int set_nonblocking(int fd) noexcept {
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return errno;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

}  // namespace srpi::verbs
