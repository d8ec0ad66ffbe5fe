// SPDX-License-Identifier: Apache-2.0
// Kernel block devices /dev/nbdN by the nbd module's netlink interface. The calls into the kernel may block,
// so they run on a worker thread, one at a time. A connect that waits for a busy device does not occupy the
// thread. The thread may hang in the kernel when the manager is destroyed; then it ends later.
//
//   auto pair = make_socket_pair();                                 // one end for the lane, the other for the kernel
//   serve_nbd(lane, id, std::move(pair->ours), lun, max_request_bytes);  // first: the kernel reads the device at once
//   options.socket = std::move(pair->kernels);
//   Outcome<KernelDevice> device = co_await devices.connect(std::move(options));
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

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

// The kernel calls of a KernelDeviceManager: the nbd module's netlink family, and its devices in /sys, /proc
// and /dev. An interface, so that tests need no kernel device. Every call may block, so a helper thread makes it;
// at the end of the daemon, the main thread may disconnect a device.
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
  // What uses the device; see device_users.hpp.
  [[nodiscard]] virtual std::vector<std::string> users(std::uint32_t index) = 0;
  // An optimisation, so a failure is not reported.
  virtual void set_max_sectors_kb(std::uint32_t index, std::uint32_t wanted) = 0;
};

// Returns the NbdControl of the running kernel. `timeout` limits the wait for each answer. Errors: no_device
// (no such family), permission_denied, no_memory.
[[nodiscard]] Outcome<std::unique_ptr<NbdControl>> open_kernel_nbd(std::chrono::milliseconds timeout);
using OpenNbdControl = std::function<Outcome<std::unique_ptr<NbdControl>>(std::chrono::milliseconds timeout)>;

// Lifetime: the manager outlives every call, unless the executor has stopped. If the coroutine of a connect
// is destroyed, its device is disconnected.
class KernelDeviceManager {
 public:
  static constexpr std::chrono::milliseconds kDeadline{10000};

  // `open` is called on the worker thread.
  explicit KernelDeviceManager(Executor, OpenNbdControl open = open_kernel_nbd);
  ~KernelDeviceManager();  // does not disconnect devices
  KernelDeviceManager(const KernelDeviceManager&) = delete;
  KernelDeviceManager& operator=(const KernelDeviceManager&) = delete;

  // Common errors: no_device (the nbd module is not loaded), permission_denied (CAP_SYS_ADMIN is missing),
  // timed_out (the kernel did not answer before the deadline).

  // More errors: busy (at once if another process has connected the device; after busy_wait if somebody has
  // it open, or if no device is free), not_found (the node did not appear in /dev), cancelled (given_up),
  // invalid_argument. A failure leaves no device behind, even if the kernel answers after the deadline. Only if
  // the worker thread hangs in the kernel until the process ends, a device may stay.
  [[nodiscard]] awaitable<Outcome<KernelDevice>> connect(KernelDeviceOptions);
  // Disconnects the device: new I/O fails, and processes that have it open keep a dead node. It is no error
  // if somebody else has disconnected it. If /dev/nbdN now belongs to another process or session, it is not
  // touched.
  [[nodiscard]] awaitable<Outcome<>> disconnect(KernelDevice, std::chrono::milliseconds deadline = kDeadline);
  // What uses the device, in words (device_users.hpp). Nothing uses a device that is not ours any more.
  [[nodiscard]] awaitable<Outcome<std::vector<std::string>>> users(
      KernelDevice, std::chrono::milliseconds deadline = kDeadline);
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
