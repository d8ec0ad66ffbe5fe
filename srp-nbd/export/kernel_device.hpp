// SPDX-License-Identifier: Apache-2.0
// Kernel block devices /dev/nbdN by the nbd module's netlink interface. The calls into the kernel can block, so they
// run on a thread of the manager's own, one at a time. A connect that waits for a busy device leaves the thread to the
// others meanwhile.
//
//   auto pair = make_socket_pair();                                 // one end for the lane, the other for the kernel
//   serve_nbd(lane, next_connection_id(), std::move(pair->ours), lun);  // first: the kernel reads the device at once
//   options.sockets.push_back(std::move(pair->kernels));
//   Outcome<KernelDevice> device = co_await devices.connect(std::move(options));
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "support/failure.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

struct KernelDeviceOptions {
  std::optional<std::uint32_t> index;  // /dev/nbd<index>; unset: the first free one
  std::vector<UniqueFd> sockets;  // the kernel's ends, one a lane; closed here once the kernel has its own
  std::uint64_t size_bytes = 0;
  std::uint32_t block_size = 512;            // bytes; 512..4096 (a page), a power of two
  std::uint16_t transmission_flags = 0;      // ExportInfo::transmission_flags
  std::string backend;                       // "srp:<wwid>"; empty: none. Shown in /sys/block/nbdN/backend
  std::chrono::seconds request_timeout{90};  // the kernel's; must exceed every deadline of ours. 0: none
  std::uint32_t max_sectors_kb = 1024;  // largest request, if the kernel lets us choose; 0: leave it alone
  std::chrono::milliseconds deadline{
      10000};  // of the whole call, waiting for a busy device and its node included
  std::chrono::milliseconds busy_wait{
      10000};                // for a device that somebody has open; ends with the deadline anyway
  std::stop_token given_up;  // nobody wants it any more: no further waiting, and no device
};

struct KernelDevice {
  std::uint32_t index = 0;
  std::string path;              // "/dev/nbd0"
  std::string backend;           // as it was asked for
  std::uint64_t generation = 0;  // of the manager's connects, the one that made it
};

class NbdControl;
using OpenNbdControl = std::function<Outcome<std::unique_ptr<NbdControl>>(std::chrono::milliseconds timeout)>;

// Lifetime: the manager outlives every call, unless the executor runs nothing any more. The device of a connect whose
// coroutine is destroyed is taken away.
class KernelDeviceManager {
 public:
  static constexpr std::chrono::milliseconds kDeadline{10000};

  explicit KernelDeviceManager(boost::asio::any_io_executor);
  // Over another kernel than the real one (nbd_control.hpp); `open` is called on the thread.
  KernelDeviceManager(boost::asio::any_io_executor, OpenNbdControl open);
  ~KernelDeviceManager();  // does not disconnect devices
  KernelDeviceManager(const KernelDeviceManager&) = delete;
  KernelDeviceManager& operator=(const KernelDeviceManager&) = delete;

  // Errors of all: no_device (the nbd module is not loaded), permission_denied (needs CAP_SYS_ADMIN), timed_out (the
  // kernel did not answer within the deadline).

  // Also: busy (another process has that device connected: at once; somebody has it open, or no device is
  // free: after busy_wait), not_found (the node did not appear in /dev), cancelled (given up), invalid_argument. After a
  // failure no device is left behind, not even when the kernel answers after the deadline.
  [[nodiscard]] boost::asio::awaitable<Outcome<KernelDevice>> connect(KernelDeviceOptions);
  // The device ends: new I/O fails, openers keep a dead node. One that somebody else has ended already is no error;
  // whoever has connected the same /dev/nbdN since then keeps it, another process as well as another session here.
  [[nodiscard]] boost::asio::awaitable<Outcome<>> disconnect(KernelDevice,
                                                             std::chrono::milliseconds deadline = kDeadline);
  // Its openers see the new size at once. Also: not_found (it is not connected, or somebody else's by now).
  [[nodiscard]] boost::asio::awaitable<Outcome<>> resize(KernelDevice, std::uint64_t size_bytes,
                                                         std::chrono::milliseconds deadline = kDeadline);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

struct SocketPair {
  UniqueFd ours;     // for serve_nbd
  UniqueFd kernels;  // for KernelDeviceOptions::sockets
};
// A connected pair of Unix stream sockets. Errors: no_memory (out of file descriptors, by name of the limit).
[[nodiscard]] Outcome<SocketPair> make_socket_pair();

}  // namespace srp_nbd
