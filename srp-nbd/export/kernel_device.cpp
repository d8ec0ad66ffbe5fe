// SPDX-License-Identifier: Apache-2.0
#include "export/kernel_device.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "export/kernel_orders.hpp"
#include "export/nbd_control.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using srpi::Errc;
using srpi::Error;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

milliseconds left_until(Clock::time_point limit) {
  return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(limit - Clock::now()));
}

srpi::Result<> check(const KernelDeviceOptions& o) {
  const auto bad = [](std::string why) { return Error{Errc::invalid_argument, std::move(why)}; };
  if (o.sockets.empty()) return bad("a kernel device needs at least one socket");
  if (o.sockets.size() > 128) return bad(fmt::format("{} sockets; at most 128", o.sockets.size()));
  if (!std::has_single_bit(o.block_size) || o.block_size < 512 || o.block_size > 4096)
    return bad(fmt::format("block size {}; the kernel takes 512, 1024, 2048 or 4096", o.block_size));
  if (o.size_bytes == 0 || o.size_bytes % o.block_size != 0)
    return bad(
        fmt::format("size {} is not a positive multiple of the block size {}", o.size_bytes, o.block_size));
  if (o.index && *o.index > 0xfffff) return bad(fmt::format("there is no /dev/nbd{}", *o.index));
  return {};
}

// Which of this manager's connects has made each device last. On the thread alone.
struct Generations {
  std::map<std::uint32_t, std::uint64_t> of;  // by index
  std::uint64_t newest = 0;
};

// Anybody may end a device, and then anybody may connect one of that number.
bool is_still(const KernelDevice& device, NbdControl& control, const Generations& generations) {
  const auto owner = control.connector(device.index);
  const auto last = generations.of.find(device.index);
  return owner && owner->is_this && last != generations.of.end() && last->second == device.generation;
}

// A connect order on the thread.
class Connecting {
 public:
  Connecting(KernelDeviceOptions options, OpenNbdControl open, std::shared_ptr<Generations> generations,
             Clock::time_point limit)
      : options_(std::move(options)),
        open_(std::move(open)),
        generations_(std::move(generations)),
        limit_(limit) {}

  std::optional<srpi::Result<KernelDevice>> step(bool is_last) {
    if (options_.given_up.stop_requested())
      return fail({Errc::cancelled, "the device is not wanted any more"});
    if (!control_) {
      if (auto good = check(options_); good.has_error()) return fail(good.error());
      auto control = open_(left_until(limit_));
      if (control.has_error()) return fail(control.error());
      control_ = std::move(*control);
    }
    if (!made_) {
      const auto index = control_->connect(options_);
      if (index.has_error())
        return index.error().code == Errc::busy ? busy(index.error(), is_last || Clock::now() >= busy_until_)
                                                : fail(index.error());
      made_ = *index;
      options_.sockets.clear();  // the kernel has its own references
      generations_->of[*made_] = ++generations_->newest;
    }
    KernelDevice device{*made_, fmt::format("/dev/nbd{}", *made_), options_.backend,
                        generations_->of[*made_]};
    if (!control_->has_node(device.index)) {
      if (!is_last) return std::nullopt;
      return fail(
          {Errc::not_found, fmt::format("the kernel made nbd{}, but {} did not appear (is /dev a devtmpfs?)",
                                        device.index, device.path)});
    }
    if (options_.max_sectors_kb > 0) control_->set_max_sectors_kb(device.index, options_.max_sectors_kb);
    return device;
  }

  void take_back() {
    if (const auto index = std::exchange(made_, std::nullopt)) (void)control_->disconnect(*index);
  }

 private:
  srpi::Result<KernelDevice> fail(Error why) {
    take_back();
    return why;
  }

  // Any opener makes a device busy, udev's probing included: for a while that is worth waiting for. A process that
  // keeps it connected is not. Of this one, nobody has connected it who has not let it go by now: an opener keeps it.
  std::optional<srpi::Result<KernelDevice>> busy(const Error& error, bool is_last) {
    if (!options_.index) {
      if (!is_last) return std::nullopt;
      return error;
    }
    const auto index = *options_.index;
    const auto owner = control_->connector(index);
    const auto refusal = [](std::string words) { return Error{Errc::busy, std::move(words)}; };
    if (owner && !owner->name.empty() && !owner->is_this)
      return refusal(fmt::format("/dev/nbd{} is connected already, by process {} ({})", index, owner->process,
                                 owner->name));
    if (!is_last) return std::nullopt;
    if (!owner)
      return refusal(fmt::format(
          "/dev/nbd{0} is in use: somebody has it open (`fuser -v /dev/nbd{0}` tells who)", index));
    if (owner->is_this)
      return refusal(fmt::format(
          "/dev/nbd{} was connected by this daemon before, and somebody still has it open", index));
    return refusal(
        fmt::format("/dev/nbd{} is in use: process {} has connected it and ended; it still is connected, or "
                    "somebody has it open",
                    index, owner->process));
  }

  KernelDeviceOptions options_;
  OpenNbdControl open_;
  std::shared_ptr<Generations> generations_;
  Clock::time_point limit_;
  Clock::time_point busy_until_ = Clock::now() + options_.busy_wait;
  std::unique_ptr<NbdControl> control_;
  std::optional<std::uint32_t> made_;
};

}  // namespace

struct KernelDeviceManager::Impl {
  Impl(asio::any_io_executor executor, OpenNbdControl open_in)
      : orders(std::make_shared<KernelOrders>(std::move(executor))), open(std::move(open_in)) {}

  // An order about a device that was made: `act` on the thread.
  template<class Act>
  void run(milliseconds deadline, std::function<void(srpi::Result<>)> done, Act act) {
    const auto order = std::make_shared<KernelOrder<void>>();
    order->limit = Clock::now() + deadline;
    order->step = [open = open, generations = generations, limit = order->limit,
                   act = std::move(act)](bool) -> std::optional<srpi::Result<>> {
      const auto control = open(left_until(limit));
      if (control.has_error()) return srpi::Result<>(control.error());
      return act(**control, *generations);
    };
    order->done = std::move(done);
    orders->run(order);
  }

  std::shared_ptr<KernelOrders> orders;
  OpenNbdControl open;
  std::shared_ptr<Generations> generations = std::make_shared<Generations>();
};

KernelDeviceManager::KernelDeviceManager(asio::any_io_executor executor)
    : KernelDeviceManager(std::move(executor), open_kernel_nbd) {}

KernelDeviceManager::KernelDeviceManager(asio::any_io_executor executor, OpenNbdControl open)
    : impl_(std::make_unique<Impl>(std::move(executor), std::move(open))) {
  impl_->orders->start();
}

KernelDeviceManager::~KernelDeviceManager() { impl_->orders->close(); }

void KernelDeviceManager::connect(KernelDeviceOptions options,
                                  std::function<void(srpi::Result<KernelDevice>)> done) {
  const auto order = std::make_shared<KernelOrder<KernelDevice>>();
  order->limit = Clock::now() + options.deadline;
  const auto connecting =
      std::make_shared<Connecting>(std::move(options), impl_->open, impl_->generations, order->limit);
  order->step = [connecting](bool is_last) { return connecting->step(is_last); };
  order->undo = [connecting] { connecting->take_back(); };
  order->done = std::move(done);
  impl_->orders->run(order);
}

void KernelDeviceManager::disconnect(const KernelDevice& device, std::function<void(srpi::Result<>)> done,
                                     milliseconds deadline) {
  impl_->run(deadline, std::move(done),
             [device](NbdControl& control, const Generations& generations) -> srpi::Result<> {
               // The kernel answers "no such device" or "invalid" for a device that is not connected.
               if (auto connected = control.connected(device.index); connected.has_value() && !*connected)
                 return {};
               if (!is_still(device, control, generations)) return {};
               return control.disconnect(device.index);
             });
}

void KernelDeviceManager::resize(const KernelDevice& device, std::uint64_t size_bytes,
                                 std::function<void(srpi::Result<>)> done, milliseconds deadline) {
  impl_->run(deadline, std::move(done),
             [device, size_bytes](NbdControl& control, const Generations& generations) -> srpi::Result<> {
               if (!is_still(device, control, generations))
                 return Error{Errc::not_found, fmt::format("{} is not connected any more", device.path)};
               return control.resize(device.index, device.backend, size_bytes);
             });
}

srpi::Result<SocketPair> make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    return Error{Errc::no_memory, fmt::format("socketpair: {} (RLIMIT_NOFILE)", std::strerror(errno))};
  SocketPair pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
  // A few large requests fit in; the administrator's limit decides where it is lower.
  const int bytes = 4 << 20;
  for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  return pair;
}

}  // namespace srp_nbd
