// SPDX-License-Identifier: Apache-2.0
// Kernel block devices /dev/nbdN by the nbd module's netlink interface. The calls into the kernel may block,
// so they run on a worker thread, one at a time. A connect that waits for a busy device does not occupy the
// thread. The thread may hang in the kernel when the manager is destroyed; then it ends later.
//
//   auto pair = make_socket_pair();                                 // one end for the lane, the other for the kernel
//   serve_nbd(lane, next_connection_id(), std::move(pair->ours), lun);  // first: the kernel reads the device at once
//   options.socket = std::move(pair->kernels);
//   Outcome<KernelDevice> device = co_await devices.connect(std::move(options));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "support/coroutine.hpp"
#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

struct KernelDeviceOptions {
  std::optional<std::uint32_t> index;  // /dev/nbd<index>; unset: the first free one
  UniqueFd socket;                     // the kernel's end; closed when the kernel has its own reference
  std::uint64_t size_bytes = 0;
  std::uint32_t block_size = 512;            // bytes; 512..4096 (a page), a power of two
  std::uint16_t transmission_flags = 0;      // ExportInfo::transmission_flags
  std::string backend;                       // "srp:<wwid>", shown in /sys/block/nbdN/backend; empty: none
  std::chrono::seconds request_timeout{90};  // the kernel's; must be longer than all our deadlines; 0: none
  std::uint32_t max_sectors_kb = 1024;  // the largest request, if the kernel permits a choice; 0: unchanged
  // Of the whole call, including the wait for a busy device and for its node.
  std::chrono::milliseconds deadline{10000};
  // The wait for a device that somebody has open. Ends at the deadline at the latest.
  std::chrono::milliseconds busy_wait{10000};
  std::stop_token given_up;  // requested: stop waiting, and leave no device
};

struct KernelDevice {
  std::uint32_t index = 0;
  std::string path;              // "/dev/nbd0"
  std::string backend;           // KernelDeviceOptions::backend
  std::uint64_t generation = 0;  // the number of the connect that made it
};

class NbdControl;
using OpenNbdControl = std::function<Outcome<std::unique_ptr<NbdControl>>(std::chrono::milliseconds timeout)>;

// Lifetime: the manager outlives every call, unless the executor has stopped. If the coroutine of a connect
// is destroyed, its device is disconnected.
class KernelDeviceManager {
 public:
  static constexpr std::chrono::milliseconds kDeadline{10000};

  explicit KernelDeviceManager(Executor);
  // For tests: uses another NbdControl than the kernel's. `open` is called on the worker thread.
  KernelDeviceManager(Executor, OpenNbdControl open);
  ~KernelDeviceManager();  // does not disconnect devices
  KernelDeviceManager(const KernelDeviceManager&) = delete;
  KernelDeviceManager& operator=(const KernelDeviceManager&) = delete;

  // Common errors: no_device (the nbd module is not loaded), permission_denied (CAP_SYS_ADMIN is missing),
  // timed_out (the kernel did not answer before the deadline).

  // More errors: busy (at once if another process has connected the device; after busy_wait if somebody has
  // it open, or if no device is free), not_found (the node did not appear in /dev), cancelled (given_up),
  // invalid_argument. A failure leaves no device behind, even if the kernel answers after the deadline.
  [[nodiscard]] awaitable<Outcome<KernelDevice>> connect(KernelDeviceOptions);
  // Disconnects the device: new I/O fails, and processes that have it open keep a dead node. It is no error
  // if somebody else has disconnected it. If /dev/nbdN now belongs to another process or session, it is not
  // touched.
  [[nodiscard]] awaitable<Outcome<>> disconnect(KernelDevice, std::chrono::milliseconds deadline = kDeadline);
  // Processes that have the device open see the new size at once. More errors: not_found (it is not
  // connected, or belongs to somebody else now).
  [[nodiscard]] awaitable<Outcome<>> resize(KernelDevice, std::uint64_t size_bytes,
                                            std::chrono::milliseconds deadline = kDeadline);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

struct SocketPair {
  UniqueFd ours;     // for serve_nbd
  UniqueFd kernels;  // for KernelDeviceOptions::socket
};
// Makes a connected pair of Unix stream sockets. Errors: no_memory (no file descriptors left; the message
// names the limit).
[[nodiscard]] Outcome<SocketPair> make_socket_pair();

}  // namespace srp_nbd
