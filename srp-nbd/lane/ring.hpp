// SPDX-License-Identifier: Apache-2.0
// The io_uring of a lane: its operations, and the functions that are called at their end.
#pragma once

#include <fmt/format.h>
#include <liburing.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "srpi/error.hpp"

namespace srp_nbd {

// An operation in the ring. It is a member of the object that starts it, and must live until `done` is
// called.
struct RingOperation {
  using Done = void (*)(void* owner, int result);  // result: bytes, or -errno

  RingOperation(void* owner_in, Done done_in) noexcept : owner(owner_in), done(done_in) {}
  RingOperation(const RingOperation&) = delete;
  RingOperation& operator=(const RingOperation&) = delete;

  void* const owner;
  const Done done;
  bool is_pending = false;  // true in the ring; false when `done` is called
};

class Ring {
 public:
  Ring() = default;
  ~Ring() {
    if (is_open_) io_uring_queue_exit(&ring_);
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Opens the ring for this number of concurrent operations. Must be called on the thread that uses the ring.
  // Errors: not_supported if io_uring is disabled; no_memory, with the limit in its text.
  [[nodiscard]] srpi::Result<> open(std::uint32_t operations) {
    io_uring_params params{};
    params.cq_entries = std::bit_ceil(operations);
    // The submission queue may be short, because a full one is submitted.
    const auto entries = std::min(params.cq_entries, 128u);
    params.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    int error = io_uring_queue_init_params(entries, &ring_, &params);
    if (error == -EINVAL) {  // before Linux 6.1
      params.flags = IORING_SETUP_CQSIZE;
      error = io_uring_queue_init_params(entries, &ring_, &params);
    }
    is_open_ = error >= 0;
    if (is_open_) return {};
    if (error == -ENOSYS || error == -EPERM)
      return srpi::Error{srpi::Errc::not_supported,
                         fmt::format("io_uring is not available ({}): check sysctl "
                                     "kernel.io_uring_disabled, or the container's seccomp rules",
                                     std::strerror(-error))};
    return srpi::Error{srpi::Errc::no_memory,
                       fmt::format("io_uring: {} (RLIMIT_MEMLOCK or RLIMIT_NOFILE)", std::strerror(-error))};
  }

  void receive(RingOperation& operation, int fd, std::byte* to, std::size_t bytes) {
    start(operation, [=](io_uring_sqe* entry) { io_uring_prep_recv(entry, fd, to, bytes, 0); });
  }
  // `message` and everything it points to must stay until the operation ends.
  void send(RingOperation& operation, int fd, const msghdr& message) {
    start(operation, [fd, &message](io_uring_sqe* entry) {
      io_uring_prep_sendmsg(entry, fd, &message, MSG_NOSIGNAL | MSG_WAITALL);
    });
  }
  void wait_readable(RingOperation& operation, int fd) {
    start(operation, [fd](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, fd, POLLIN); });
  }

  // Passes the started operations to the kernel, without waiting.
  void submit() { io_uring_submit_and_get_events(&ring_); }
  // The same, and waits until an operation ends.
  void sleep() { io_uring_submit_and_wait(&ring_, 1); }
  void sleep(std::chrono::seconds at_most) {
    io_uring_cqe* first = nullptr;
    __kernel_timespec time{at_most.count(), 0};
    io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
  }

  // Calls `done` of the operations that have ended by now. Returns their number. What `done` starts may end at once:
  // that waits for the next call, so that busy clients do not keep the lane from everything else.
  std::size_t take_completions() {
    const std::size_t ready = io_uring_cq_ready(&ring_);
    std::size_t count = 0;
    for (io_uring_cqe* ended = nullptr; count < ready && io_uring_peek_cqe(&ring_, &ended) == 0; ++count) {
      auto& operation = *reinterpret_cast<RingOperation*>(static_cast<std::uintptr_t>(ended->user_data));
      const int result = ended->res;
      io_uring_cqe_seen(&ring_, ended);
      operation.is_pending = false;
      operation.done(operation.owner, result);
    }
    return count;
  }

 private:
  // `prepare` fills the entry.
  template<class Prepare>
  void start(RingOperation& operation, Prepare prepare) {
    io_uring_sqe* entry = nullptr;
    while ((entry = io_uring_get_sqe(&ring_)) == nullptr) io_uring_submit(&ring_);
    prepare(entry);
    // Set it last, because some versions of liburing clear the field in their prep functions.
    entry->user_data = reinterpret_cast<std::uintptr_t>(&operation);
    operation.is_pending = true;
  }

  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace srp_nbd
