// SPDX-License-Identifier: Apache-2.0
#include "control/paths.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

namespace srp_nbd {

std::string default_control_path() {
  if (const char* path = std::getenv("SRP_NBD_CONTROL"); path && *path) return path;
  if (::geteuid() == 0) return "/run/srp-nbd/control.sock";
  if (const char* dir = std::getenv("XDG_RUNTIME_DIR"); dir && *dir == '/')
    return fmt::format("{}/srp-nbd/control.sock", dir);
  return fmt::format("/tmp/srp-nbd-{}/control.sock", ::geteuid());
}

}  // namespace srp_nbd
