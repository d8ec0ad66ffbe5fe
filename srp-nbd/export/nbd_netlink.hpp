// SPDX-License-Identifier: Apache-2.0
// The calls of the nbd module's generic netlink family. Every call may block in the kernel, so it is called
// on helper threads only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "export/kernel_device.hpp"
#include "support/failure.hpp"

struct nl_sock;
struct nl_msg;

namespace srp_nbd {

class NbdNetlink {
 public:
  // `timeout` limits the wait for each answer. Errors: no_device (no such family), permission_denied,
  // no_memory.
  [[nodiscard]] static Outcome<NbdNetlink> open(std::chrono::milliseconds timeout);

  // Returns the device's index. Errors: busy, permission_denied, invalid_argument, timed_out, no_device.
  [[nodiscard]] Outcome<std::uint32_t> connect(const KernelDeviceOptions&);
  [[nodiscard]] Outcome<> disconnect(std::uint32_t index);
  // The kernel accepts it only for a device with this backend. More errors: not_found, invalid_argument (not
  // connected).
  [[nodiscard]] Outcome<> resize(std::uint32_t index, const std::string& backend, std::uint64_t size_bytes);
  [[nodiscard]] Outcome<bool> connected(std::uint32_t index);

 private:
  struct Free {
    void operator()(nl_sock*) const noexcept;
    void operator()(nl_msg*) const noexcept;
  };
  struct Answer {
    std::optional<std::uint32_t> index;
    std::optional<bool> connected;
  };
  // Adds the attributes to a message. Returns false if they do not fit.
  using Fill = std::function<bool(nl_msg&)>;
  [[nodiscard]] Outcome<Answer> ask(std::uint8_t command, const char* what, const Fill&);

  std::unique_ptr<nl_sock, Free> socket_;
  int family_ = 0;
};

}  // namespace srp_nbd
