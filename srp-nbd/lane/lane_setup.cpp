// SPDX-License-Identifier: Apache-2.0
// A lane's beginning and end: thread, ring, memory, session.
#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <system_error>
#include <utility>

#include "lane/connection.hpp"
#include "lane/lane_loop.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

namespace {
constexpr std::uint32_t kSubmissions = 128;
}  // namespace

Lane::Loop::Loop(LaneOptions options, LaneCallbacks callbacks)
    : options_(std::move(options)), callbacks_(std::move(callbacks)) {}

Lane::Loop::~Loop() { stop(); }

srpi::Result<> Lane::Loop::start(SessionFactory factory) {
  wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return srpi::Error{srpi::Errc::no_memory, fmt::format("eventfd: {}", std::strerror(errno))};
  std::promise<srpi::Result<>> started;
  auto result = started.get_future();
  try {
    thread_ = std::thread([this, factory = std::move(factory), &started] { thread_main(factory, started); });
  } catch (const std::system_error& error) {
    return srpi::Error{srpi::Errc::no_memory, fmt::format("no thread: {} (RLIMIT_NPROC)", error.what())};
  }
  auto outcome = result.get();
  if (outcome.has_error()) thread_.join();
  return outcome;
}

void Lane::Loop::stop() {
  if (!thread_.joinable()) return;
  insist([this] { end({}); });
  thread_.join();
}

void Lane::Loop::end(std::function<void()> ended) {
  post([this, ended = std::move(ended)](srpi::Session& session) mutable {
    stopping_ = true;
    ended_ = std::move(ended);
    for (auto& c : connections_) c->close({srpi::Errc::cancelled, {}});
    session.erase();
  });
}

void Lane::Loop::thread_main(const SessionFactory& factory, std::promise<srpi::Result<>>& started) {
  ::pthread_setname_np(::pthread_self(), options_.name.substr(0, 15).c_str());
  srpi::Result<> outcome;
  guarded([&] { outcome = set_up(factory); }, [&] { outcome = srpi::Error{srpi::Errc::no_memory, {}}; });
  const bool good = outcome.has_value();
  if (!good) tear_down();
  started.set_value(std::move(outcome));
  if (!good) return;
  run();
  tear_down();
  if (ended_) std::exchange(ended_, nullptr)();
}

srpi::Result<> Lane::Loop::set_up(const SessionFactory& factory) {
  // Every connection may receive and send at a time. A full submission queue is submitted, so that one may be short.
  io_uring_params params{};
  params.cq_entries = std::bit_ceil(2 * options_.max_connections + 8);
  const auto entries = std::min(params.cq_entries, kSubmissions);
  params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  int error = io_uring_queue_init_params(entries, &ring_, &params);
  if (error == -EINVAL) {  // before Linux 6.1
    params.flags = IORING_SETUP_CQSIZE;
    error = io_uring_queue_init_params(entries, &ring_, &params);
  }
  if (error == -ENOSYS || error == -EPERM)
    return srpi::Error{
        srpi::Errc::not_supported,
        fmt::format("io_uring is not available ({}): check sysctl kernel.io_uring_disabled, or the "
                    "container's seccomp rules",
                    std::strerror(-error))};
  if (error < 0)
    return srpi::Error{srpi::Errc::no_memory,
                       fmt::format("io_uring: {} (RLIMIT_MEMLOCK or RLIMIT_NOFILE)", std::strerror(-error))};
  ring_ready_ = true;

  const std::size_t bytes = options_.memory_bytes();
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED)
    return srpi::Error{srpi::Errc::no_memory,
                       fmt::format("{} bytes of I/O memory: {}", bytes, std::strerror(errno))};
  mapped_ = static_cast<std::byte*>(mapped);
  chunks_ =
      std::make_unique<ChunkPool>(std::span(mapped_, options_.receive_bytes), options_.receive_chunk_bytes);
  read_blocks_ = std::make_unique<ReadPool>(std::span(mapped_ + options_.receive_bytes, options_.read_bytes));
  small_reads_begin_ = mapped_ + options_.receive_bytes + options_.read_bytes;
  small_read_blocks_ = std::make_unique<ReadPool>(std::span(small_reads_begin_, options_.small_read_bytes));
  connections_.reserve(options_.max_connections);
  to_service_.reserve(options_.max_connections);
  servicing_.reserve(options_.max_connections);
  waiting_.reserve(options_.max_connections);

  auto session = factory(this);
  if (session.has_error()) return session.error();
  session_ = std::move(*session);
  auto registered = session_->register_memory({mapped_, bytes});
  if (registered.has_error()) return registered.error();
  registered_ = std::move(*registered);
  return {};
}

void Lane::Loop::tear_down() {
  if (ring_ready_) io_uring_queue_exit(&ring_);  // first: it still polls the session's descriptor
  ring_ready_ = false;
  registered_.reset();
  session_.reset();
  if (mapped_ != nullptr) ::munmap(mapped_, options_.memory_bytes());
  mapped_ = nullptr;
}

}  // namespace srp_nbd
