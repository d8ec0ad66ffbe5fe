// SPDX-License-Identifier: Apache-2.0
#include "export/kernel_device.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <thread>
#include <utility>

#include "export/nbd_netlink.hpp"
#include "export/no_memory.hpp"

namespace srp_nbd {

namespace asio = boost::asio;
using srpi::Errc;
using srpi::Error;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRetryInterval{50};

milliseconds left_until(Clock::time_point limit) {
  return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(limit - Clock::now()));
}

template<class T>
std::optional<T> read_sysfs(const std::string& path) {
  std::ifstream file(path);
  T value{};
  if (file >> value) return value;
  return std::nullopt;
}

std::string block_dir(std::uint32_t index) { return fmt::format("/sys/block/nbd{}", index); }

srpi::Result<> check(const KernelDeviceOptions& o) {
  const auto bad = [](std::string why) { return Error{Errc::invalid_argument, std::move(why)}; };
  if (o.sockets.empty()) return bad("a kernel device needs at least one socket");
  if (o.sockets.size() > 128) return bad(fmt::format("{} sockets; at most 128", o.sockets.size()));
  if (!std::has_single_bit(o.block_size) || o.block_size < 512 || o.block_size > 4096)
    return bad(fmt::format("block size {}; the kernel takes 512, 1024, 2048 or 4096", o.block_size));
  if (o.size_bytes == 0 || o.size_bytes % o.block_size != 0)
    return bad(fmt::format("size {} is not a positive multiple of the block size {}", o.size_bytes, o.block_size));
  if (o.index && *o.index > 0xfffff) return bad(fmt::format("there is no /dev/nbd{}", *o.index));
  return {};
}

// What blocks, in one go; `given_up` turns true when nobody waits for it any more.
srpi::Result<KernelDevice> connect_now(const KernelDeviceOptions& o, Clock::time_point limit,
                                       const std::atomic<bool>& given_up) {
  if (auto good = check(o); good.has_error()) return good.error();
  auto netlink = NbdNetlink::open(left_until(limit));
  if (netlink.has_error()) return netlink.error();
  srpi::Result<std::uint32_t> index = netlink->connect(o);
  // Any opener makes a device busy, udev's probing included: for a while that is worth waiting for.
  while (index.has_error() && index.error().code == Errc::busy && Clock::now() < limit && !given_up) {
    std::this_thread::sleep_for(kRetryInterval);
    index = netlink->connect(o);
  }
  if (index.has_error()) {
    auto error = index.error();
    if (error.code == Errc::busy && o.index) {
      const auto pid = read_sysfs<long>(block_dir(*o.index) + "/pid");
      error.detail = pid ? fmt::format("/dev/nbd{} is connected already, by process {}", *o.index, *pid)
                         : fmt::format("/dev/nbd{} is in use: somebody has it open", *o.index);
    }
    return error;
  }
  KernelDevice device{*index, fmt::format("/dev/nbd{}", *index)};
  struct stat node {};
  while (::stat(device.path.c_str(), &node) != 0 || !S_ISBLK(node.st_mode)) {
    if (Clock::now() >= limit || given_up) {
      (void)netlink->disconnect(device.index);
      return Error{Errc::not_found, fmt::format("the kernel made nbd{}, but {} did not appear (is /dev a devtmpfs?)",
                                                device.index, device.path)};
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  if (o.max_sectors_kb > 0) {  // a better limit, not a condition
    const auto queue = block_dir(device.index) + "/queue/";
    const auto hardware = read_sysfs<std::uint32_t>(queue + "max_hw_sectors_kb").value_or(o.max_sectors_kb);
    std::ofstream(queue + "max_sectors_kb") << std::min(hardware, o.max_sectors_kb);
  }
  if (given_up) {
    (void)netlink->disconnect(device.index);
    return Error{Errc::timed_out, "the kernel answered too late"};
  }
  return device;
}

}  // namespace

// Shared with the thread, which may be stuck in the kernel when the manager goes; it ends when the kernel lets it.
struct KernelDeviceManager::Impl : std::enable_shared_from_this<Impl> {
  explicit Impl(asio::any_io_executor e) : executor(std::move(e)) {}

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return closed || !jobs.empty(); });
      if (closed) return;
      auto job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      guarded([&] { job(); });  // else the deadline answers
      job = nullptr;
      lock.lock();
    }
  }

  // Runs `blocking` on the thread, and `done` on the executor with its result, or with timed_out when that takes
  // much longer than the deadline that `blocking` itself keeps.
  template<class T>
  void run(std::function<srpi::Result<T>(const std::atomic<bool>&)> blocking,
           std::function<void(srpi::Result<T>)> done, milliseconds deadline, std::function<void(srpi::Result<T>&)> undo = {}) {
    struct Call {
      std::atomic<bool> given_up{false};
      std::atomic<bool> decided{false};  // the one that sets it calls back
    };
    auto call = std::make_shared<Call>();
    // Its handler alone keeps the timer, so that it goes with the executor, whatever the thread still waits for.
    auto timer = std::make_shared<asio::steady_timer>(executor, deadline + milliseconds(500));
    timer->async_wait([self = shared_from_this(), call, done, timer](boost::system::error_code error) {
      if (error || call->decided.exchange(true)) return;
      call->given_up = true;
      if (!self->closed) done(Error{Errc::timed_out, "the kernel did not answer within the deadline"});
    });
    {
      const std::lock_guard lock(mutex);
      jobs.emplace_back([self = shared_from_this(), call, weak = std::weak_ptr(timer), blocking = std::move(blocking), done = std::move(done),
                         undo = std::move(undo)] {
        // What nobody waits for any more is not even begun.
        auto result = call->given_up ? srpi::Result<T>(Error{Errc::timed_out, "too late"}) : blocking(call->given_up);
        if (call->decided.exchange(true) || self->closed) {
          if (undo && result.has_value()) undo(result);
          return;
        }
        insist([&] {
          asio::post(self->executor, [self = self, weak = weak, done = done, result = result]() mutable {
            if (const auto t = weak.lock()) t->cancel();
            if (!self->closed) done(std::move(result));
          });
        });
      });
    }
    wake.notify_one();
  }

  asio::any_io_executor executor;
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> jobs;
  std::atomic<bool> closed{false};
};

KernelDeviceManager::KernelDeviceManager(asio::any_io_executor executor)
    : impl_(std::make_shared<Impl>(std::move(executor))) {
  std::thread([impl = impl_] { impl->work(); }).detach();
}

KernelDeviceManager::~KernelDeviceManager() {
  std::deque<std::function<void()>> dropped;  // destroyed outside of the lock
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->closed = true;
    dropped.swap(impl_->jobs);
  }
  impl_->wake.notify_one();
}

void KernelDeviceManager::connect(KernelDeviceOptions options, std::function<void(srpi::Result<KernelDevice>)> done) {
  const auto deadline = options.deadline;
  const auto limit = Clock::now() + deadline;
  auto shared = std::make_shared<KernelDeviceOptions>(std::move(options));
  impl_->run<KernelDevice>(
      [shared, limit](const std::atomic<bool>& given_up) {
        auto result = connect_now(*shared, limit, given_up);
        shared->sockets.clear();  // the kernel has its own references, or needs none
        return result;
      },
      std::move(done), deadline,
      [](srpi::Result<KernelDevice>& device) {
        if (auto netlink = NbdNetlink::open(milliseconds(5000)); netlink.has_value())
          (void)netlink->disconnect(device->index);
      });
}

void KernelDeviceManager::disconnect(std::uint32_t index, std::function<void(srpi::Result<>)> done,
                                     milliseconds deadline) {
  const auto limit = Clock::now() + deadline;
  impl_->run<void>(
      [index, limit](const std::atomic<bool>&) -> srpi::Result<> {
        auto netlink = NbdNetlink::open(left_until(limit));
        if (netlink.has_error()) return netlink.error();
        // The kernel answers "no such device" or "invalid" for a device that is not connected.
        if (auto connected = netlink->connected(index); connected.has_value() && !*connected) return {};
        return netlink->disconnect(index);
      },
      std::move(done), deadline);
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
