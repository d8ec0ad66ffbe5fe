// SPDX-License-Identifier: Apache-2.0
// Explains why there is no RDMA on this machine, and what to do about it.
#pragma once

#include <string>

#include "srpi/error.hpp"

namespace srpi::verbs {

// Where the kernel lists its devices. Tests use other paths.
struct SystemPaths {
  std::string sysfs = "/sys";
  std::string devices = "/dev/infiniband";
};

// The error for `attempt` ("open an RDMA connection manager channel") after it failed with the errno `error`.
// Codes: no_device, permission_denied, no_memory (also if there are no file descriptors left).
[[nodiscard]] Error explain_unavailable(const std::string& attempt, int error, const SystemPaths& = {});

// How to get an RDMA device, for the end of an error message.
[[nodiscard]] std::string device_advice();

}  // namespace srpi::verbs
