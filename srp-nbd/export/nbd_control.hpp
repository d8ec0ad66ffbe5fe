// SPDX-License-Identifier: Apache-2.0
// The kernel calls of a KernelDeviceManager: the nbd module's netlink family, and its devices in /sys, /proc
// and /dev. An interface, so that tests need no kernel device.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "export/kernel_device.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

// Every call may block in the kernel: helper threads only.
class NbdControl {
 public:
  // The process that has connected a device.
  struct Connector {
    pid_t process = 0;
    std::string name;      // empty if the process has ended
    bool is_this = false;  // this process
  };

  virtual ~NbdControl() = default;

  // Returns the device's index. Errors: busy, permission_denied, invalid_argument, timed_out, no_device.
  [[nodiscard]] virtual Outcome<std::uint32_t> connect(const KernelDeviceOptions&) = 0;
  [[nodiscard]] virtual Outcome<> disconnect(std::uint32_t index) = 0;
  // The kernel accepts it only for a device with this backend. More errors: not_found, invalid_argument (not
  // connected).
  [[nodiscard]] virtual Outcome<> resize(std::uint32_t index, const std::string& backend,
                                         std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual Outcome<bool> connected(std::uint32_t index) = 0;

  // Returns nullopt if the device is not connected. A disconnected device keeps its connector until everybody
  // has closed it.
  [[nodiscard]] virtual std::optional<Connector> connector(std::uint32_t index) = 0;
  [[nodiscard]] virtual bool has_node(std::uint32_t index) = 0;
  // An optimisation, so a failure is not reported.
  virtual void set_max_sectors_kb(std::uint32_t index, std::uint32_t wanted) = 0;
};

// Returns the NbdControl of the running kernel. `timeout` limits the wait for each answer. Errors: no_device
// (no such family), permission_denied, no_memory.
[[nodiscard]] Outcome<std::unique_ptr<NbdControl>> open_kernel_nbd(std::chrono::milliseconds timeout);

}  // namespace srp_nbd
