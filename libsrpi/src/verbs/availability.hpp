// SPDX-License-Identifier: Apache-2.0
// Why there is no RDMA on this machine, and what to do about it.
#pragma once

#include <string>

#include "srpi/error.hpp"

namespace srpi::verbs {

// Where the kernel shows its devices; elsewhere in tests.
struct SystemPaths {
  std::string sysfs = "/sys";
  std::string devices = "/dev/infiniband";
};

// To be asked after `attempt` ("open an RDMA connection manager channel") failed with `error`, an errno.
// Codes: no_device, permission_denied, no_memory (also: out of file descriptors).
[[nodiscard]] Error explain_unavailable(const std::string& attempt, int error, const SystemPaths& = {});

// How to get at an RDMA device, for the end of an error message.
[[nodiscard]] std::string device_advice();

}  // namespace srpi::verbs
