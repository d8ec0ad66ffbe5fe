// SPDX-License-Identifier: Apache-2.0
#include "daemon/io_flusher.hpp"

#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif

namespace srp_nbd {

void become_io_flusher() {
  static bool is_done = false;
  if (is_done) return;
  is_done = true;
  if (::geteuid() != 0)
    return;  // both need privileges, and MCL_FUTURE with a low limit would make allocations fail
  if (::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) != 0)
    spdlog::info("PR_SET_IO_FLUSHER was refused ({}): under memory pressure writeback may wait for itself",
                 std::strerror(errno));
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
    spdlog::info("mlockall was refused ({}): pages of this daemon may be swapped out", std::strerror(errno));
}

}  // namespace srp_nbd
