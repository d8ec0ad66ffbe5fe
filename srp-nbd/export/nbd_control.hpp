// SPDX-License-Identifier: Apache-2.0
// What a KernelDeviceManager asks of the kernel, call by call: the nbd module's netlink family, and what /sys, /proc
// and /dev show of its devices. A seam, for tests without a kernel's device.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "export/kernel_device.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

// Every call may block in the kernel: helper threads only.
class NbdControl {
 public:
  // Who has connected a device.
  struct Connector {
    pid_t process = 0;
    std::string name;      // empty: that process has ended
    bool is_this = false;  // this process
  };

  virtual ~NbdControl() = default;

  // As in NbdNetlink.
  [[nodiscard]] virtual Outcome<std::uint32_t> connect(const KernelDeviceOptions&) = 0;
  [[nodiscard]] virtual Outcome<> disconnect(std::uint32_t index) = 0;
  [[nodiscard]] virtual Outcome<> resize(std::uint32_t index, const std::string& backend,
                                         std::uint64_t size_bytes) = 0;
  [[nodiscard]] virtual Outcome<bool> connected(std::uint32_t index) = 0;

  // Nothing: it is not connected. One that was disconnected keeps its connector until everybody has closed it.
  [[nodiscard]] virtual std::optional<Connector> connector(std::uint32_t index) = 0;
  [[nodiscard]] virtual bool has_node(std::uint32_t index) = 0;
  // A better limit, not a condition: there is nothing to be said where it fails.
  virtual void set_max_sectors_kb(std::uint32_t index, std::uint32_t wanted) = 0;
};

// The kernel's own. `timeout` bounds the wait for each answer. Errors: those of NbdNetlink::open.
[[nodiscard]] Outcome<std::unique_ptr<NbdControl>> open_kernel_nbd(std::chrono::milliseconds timeout);

}  // namespace srp_nbd
