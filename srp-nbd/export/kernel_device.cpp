// SPDX-License-Identifier: Apache-2.0
#include "export/kernel_device.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace srp_nbd {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRetryInterval{50};
// The last step begins at the deadline and needs some time.
constexpr milliseconds kDeadlineSlack{500};

std::string path_of(std::uint32_t index) { return fmt::format("/dev/nbd{}", index); }

Failure no_answer() { return {"timed_out", "the kernel did not answer within the deadline"}; }

milliseconds left_until(Clock::time_point limit) {
  return std::max(milliseconds(1), std::chrono::duration_cast<milliseconds>(limit - Clock::now()));
}

Outcome<> check(const KernelDeviceOptions& o) {
  const auto bad = [](std::string why) { return Failure{"invalid_argument", std::move(why)}; };
  if (!o.socket) return bad("a kernel device needs a socket");
  if (!std::has_single_bit(o.block_size) || o.block_size < 512 || o.block_size > 4096)
    return bad(fmt::format("block size {}; the kernel takes 512, 1024, 2048 or 4096", o.block_size));
  if (o.size_bytes == 0 || o.size_bytes % o.block_size != 0)
    return bad(
        fmt::format("size {} is not a positive multiple of the block size {}", o.size_bytes, o.block_size));
  if (o.index && *o.index > 0xfffff) return bad(fmt::format("there is no /dev/nbd{}", *o.index));
  return {};
}

}  // namespace

// Shared with the worker thread. What is posted to the thread is destroyed with this object at the latest, so it
// must not own it.
struct KernelDeviceManager::State {
  template<class Work>
  using Result = std::invoke_result_t<Work, State&>;
  // Runs `work` on the worker thread and returns its result, or nullopt at the deadline. Then `work` is not
  // started any more, or its result is dropped.
  template<class Work>
  static awaitable<std::optional<Result<Work>>> run(std::shared_ptr<State> self, Work work,
                                                    Clock::time_point deadline) {
    const Answer<Result<Work>> answer(self->home);
    asio::post(self->worker, [&self = *self, answer, deadline, work = std::move(work)] {
      if (Clock::now() >= deadline) return;
      auto result = work(self);
      const std::lock_guard lock(self.mutex);
      if (!self.is_closed) answer.send(std::move(result));
    });
    co_return co_await answer.wait_until(deadline);
  }

  static awaitable<Outcome<KernelDevice>> connect(std::shared_ptr<State>, KernelDeviceOptions);
  // Runs `act` for a device on the worker thread. `is_ours` returns false if another program has disconnected the
  // device, or has then connected another one with the same number.
  using IsOurs = std::function<bool()>;
  template<class T>
  using Act = std::function<Outcome<T>(NbdControl&, const IsOurs& is_ours)>;
  template<class T>
  static awaitable<Outcome<T>> act_on(std::shared_ptr<State> self, KernelDevice device, milliseconds deadline,
                                      Act<T> act) {
    const auto limit = Clock::now() + deadline;
    const auto work = [device = std::move(device), limit, act = std::move(act)](State& state) -> Outcome<T> {
      const auto control = state.open(left_until(limit));
      if (!control) return control.error();
      return act(**control, [&] {
        const auto owner = (*control)->connector(device.index);
        return owner && owner->is_this && state.generations[device.index] == device.generation;
      });
    };
    const auto outcome = co_await run(std::move(self), work, limit + kDeadlineSlack);
    co_return outcome ? *outcome : Outcome<T>(no_answer());
  }

  const Executor home;  // exists until the manager is destroyed
  // Used on the worker thread only:
  const OpenNbdControl open;
  std::map<std::uint32_t, std::uint64_t> generations = {};  // the number of connects of each device
  std::mutex mutex = {};
  bool is_closed = false;  // after this, the thread does not use `home`; guarded by the mutex
  // The last member: it destroys work that was not begun.
  asio::io_context worker{1};
};

namespace {

// A connect in steps on the worker thread. It owns the device until `keep`.
class Connecting {
 public:
  Connecting(KernelDeviceOptions options, Clock::time_point limit)
      : options_(std::move(options)), limit_(limit) {}
  ~Connecting() { take_back(); }
  Connecting(const Connecting&) = delete;
  Connecting& operator=(const Connecting&) = delete;

  // Returns nullopt if it must be called again; not after the limit.
  std::optional<Outcome<KernelDevice>> step(const OpenNbdControl& open,
                                            std::map<std::uint32_t, std::uint64_t>& generations) {
    const bool is_last = Clock::now() >= limit_;
    if (options_.given_up.stop_requested()) return fail({"cancelled", "the device is not wanted any more"});
    if (!control_) {
      if (auto good = check(options_); !good) return fail(good.error());
      auto control = open(left_until(limit_));
      if (!control) return fail(control.error());
      control_ = std::move(*control);
    }
    if (!made_) {
      const auto index = control_->connect(options_);
      if (!index)
        return index.error().code == "busy" ? busy(index.error(), is_last || Clock::now() >= busy_until_)
                                            : fail(index.error());
      made_ = *index;
      options_.socket.reset();  // the kernel has its own reference now
      ++generations[*made_];
    }
    KernelDevice device{*made_, path_of(*made_), options_.backend, generations[*made_]};
    if (!control_->has_node(device.index)) {
      if (!is_last) return std::nullopt;
      return fail(
          {"not_found", fmt::format("the kernel made nbd{}, but {} did not appear (is /dev a devtmpfs?)",
                                    device.index, device.path)});
    }
    if (options_.max_sectors_kb > 0) control_->set_max_sectors_kb(device.index, options_.max_sectors_kb);
    return device;
  }

  void take_back() {
    if (const auto index = std::exchange(made_, std::nullopt)) (void)control_->disconnect(*index);
  }
  void keep() { made_.reset(); }

 private:
  Outcome<KernelDevice> fail(Failure why) {
    take_back();
    return why;
  }

  // A device that is open is busy, also if only udev probes it, so wait for some time. Do not wait if another
  // process has connected the device. A device of this process is already disconnected and only open, so wait
  // for it.
  std::optional<Outcome<KernelDevice>> busy(const Failure& failure, bool is_last) {
    if (!options_.index) {
      if (!is_last) return std::nullopt;
      return failure;
    }
    const auto path = path_of(*options_.index);
    const auto owner = control_->connector(*options_.index);
    if (owner && !owner->name.empty() && !owner->is_this)
      return Failure{"busy", fmt::format("{} is connected already, by process {} ({})", path, owner->process,
                                         owner->name)};
    if (!is_last) return std::nullopt;
    std::string why = fmt::format("{0} is in use: somebody has it open (`fuser -v {0}` tells who)", path);
    if (owner && owner->is_this)
      why = fmt::format("{} was connected by this daemon before, and somebody still has it open", path);
    else if (owner)
      why = fmt::format(
          "{} is in use: process {} has connected it and ended; it still is connected, or "
          "somebody has it open",
          path, owner->process);
    return Failure{"busy", why};
  }

  KernelDeviceOptions options_;
  const Clock::time_point limit_;
  const Clock::time_point busy_until_ = Clock::now() + options_.busy_wait;
  std::unique_ptr<NbdControl> control_;
  std::optional<std::uint32_t> made_;
};

}  // namespace

KernelDeviceManager::KernelDeviceManager(Executor executor, OpenNbdControl open)
    : state_(new State{.home = std::move(executor), .open = std::move(open)}) {
  std::thread([state = state_] {
    const auto work = asio::make_work_guard(state->worker);
    state->worker.run();
  }).detach();
}

KernelDeviceManager::~KernelDeviceManager() {
  state_->worker.stop();
  const std::lock_guard lock(state_->mutex);
  state_->is_closed = true;
}

// No coroutine itself: the manager may be gone when the coroutine starts.
awaitable<Outcome<KernelDevice>> KernelDeviceManager::connect(KernelDeviceOptions options) {
  return State::connect(state_, std::move(options));
}

awaitable<Outcome<KernelDevice>> KernelDeviceManager::State::connect(std::shared_ptr<State> self,
                                                                     KernelDeviceOptions options) {
  const auto limit = Clock::now() + options.deadline;
  const auto connecting = std::make_shared<Connecting>(std::move(options), limit);
  for (;;) {
    const auto step = [connecting](State& state) { return connecting->step(state.open, state.generations); };
    const auto done = co_await run(self, step, limit + kDeadlineSlack);
    if (!done) {
      // The thread may still run a step, and the kernel may still create the device.
      asio::post(self->worker, [connecting] { connecting->take_back(); });
      co_return no_answer();
    }
    if (*done) {
      connecting->keep();
      co_return **done;
    }
    co_await pause(kRetryInterval);
  }
}

awaitable<Outcome<>> KernelDeviceManager::disconnect(KernelDevice device, milliseconds deadline) {
  const auto act = [index = device.index](NbdControl& control, const auto& is_ours) -> Outcome<> {
    // The kernel answers "no such device" or "invalid" for a device that is not connected.
    if (const auto connected = control.connected(index); connected && !*connected) return {};
    return is_ours() ? control.disconnect(index) : Outcome<>();
  };
  return State::act_on<void>(state_, std::move(device), deadline, act);
}

awaitable<Outcome<std::vector<std::string>>> KernelDeviceManager::users(KernelDevice device,
                                                                        milliseconds deadline) {
  using Users = std::vector<std::string>;
  const auto act = [index = device.index](NbdControl& control, const auto& is_ours) -> Outcome<Users> {
    return is_ours() ? control.users(index) : Users();
  };
  return State::act_on<Users>(state_, std::move(device), deadline, act);
}

awaitable<Outcome<>> KernelDeviceManager::resize(KernelDevice device, std::uint64_t size_bytes,
                                                 milliseconds deadline) {
  const auto act = [device, size_bytes](NbdControl& control, const auto& is_ours) -> Outcome<> {
    if (is_ours()) return control.resize(device.index, device.backend, size_bytes);
    return Failure{"not_found", fmt::format("{} is not connected any more", device.path)};
  };
  return State::act_on<void>(state_, std::move(device), deadline, act);
}

Outcome<SocketPair> make_socket_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    return Failure{"no_memory", fmt::format("socketpair: {} (RLIMIT_NOFILE)", std::strerror(errno))};
  SocketPair pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
  // Room for some large requests, unless the administrator's limit is lower.
  const int bytes = 4 << 20;
  for (const int fd : fds) ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  return pair;
}

}  // namespace srp_nbd
