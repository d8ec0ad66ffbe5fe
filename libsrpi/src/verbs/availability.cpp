// SPDX-License-Identifier: Apache-2.0
#include "verbs/availability.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace srpi::verbs {
namespace {

bool has_entries(const std::string& folder) {
  std::error_code error;
  return std::filesystem::directory_iterator(folder, error) != std::filesystem::directory_iterator();
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

}  // namespace

std::string device_advice() {
  return "load the adapter's driver (modprobe mlx5_ib, irdma, …), or create a software device: "
         "modprobe rdma_rxe && rdma link add rxe0 type rxe netdev INTERFACE";
}

Error explain_unavailable(const std::string& attempt, int error, const SystemPaths& paths) {
  const std::string reason = std::strerror(error);
  if (error == EMFILE || error == ENFILE)
    return {Errc::no_memory,
            fmt::format("{}: {}; raise the limit of open files (ulimit -n, LimitNOFILE=)", attempt, reason)};
  if (error == ENOMEM) return {Errc::no_memory, fmt::format("{}: {}", attempt, reason)};

  // Check the device, its userspace interface and that of the connection manager, in this order. The first
  // one that is missing is the cause. The errno does not tell: librdmacm reports a missing module as ENOENT,
  // ENODEV, EPERM or ENOSYS.
  if (!has_entries(paths.sysfs + "/class/infiniband"))
    return {Errc::no_device,
            fmt::format("{}: this machine has no RDMA device; {}", attempt, device_advice())};
  if (!has_entries(paths.sysfs + "/class/infiniband_verbs"))
    return {Errc::no_device,
            fmt::format("{}: the RDMA devices have no userspace interface; run modprobe ib_uverbs", attempt)};
  const std::string cm = paths.devices + "/rdma_cm";
  if (!exists(paths.sysfs + "/class/misc/rdma_cm"))
    return {
        Errc::no_device,
        fmt::format("{}: the connection manager has no userspace interface; run modprobe rdma_ucm", attempt)};
  if (!exists(cm))
    return {Errc::no_device,
            fmt::format(
                "{}: {} is missing although its module is loaded; check that udev runs and, in a container, "
                "that the container has the device",
                attempt, cm)};
  // Check the permissions, because librdmacm reports missing permissions as ENOENT.
  if (error == EACCES || error == EPERM || access(cm.c_str(), R_OK | W_OK) != 0)
    return {Errc::permission_denied,
            fmt::format("{}: no permission to read and write {} and {}/uverbs*", attempt, cm, paths.devices)};
  return {Errc::no_device, fmt::format("{}: {}", attempt, reason)};
}

}  // namespace srpi::verbs
