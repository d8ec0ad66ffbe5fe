// SPDX-License-Identifier: Apache-2.0
#include "lane/ring.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace srp_nbd {

Ring::~Ring() {
  if (is_open_) io_uring_queue_exit(&ring_);
}

srpi::Result<> Ring::open(std::uint32_t operations) {
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
  if (error == -ENOSYS || error == -EPERM)
    return srpi::Error{
        srpi::Errc::not_supported,
        fmt::format("io_uring is not available ({}): check sysctl kernel.io_uring_disabled, or the "
                    "container's seccomp rules",
                    std::strerror(-error))};
  if (error < 0)
    return srpi::Error{srpi::Errc::no_memory,
                       fmt::format("io_uring: {} (RLIMIT_MEMLOCK or RLIMIT_NOFILE)", std::strerror(-error))};
  is_open_ = true;
  return {};
}

// `prepare` fills the entry.
template<class Prepare>
void Ring::start(RingOperation& operation, Prepare prepare) {
  io_uring_sqe* entry = nullptr;
  while ((entry = io_uring_get_sqe(&ring_)) == nullptr) io_uring_submit(&ring_);
  prepare(entry);
  // Set it last, because some versions of liburing clear the field in their prep functions.
  entry->user_data = reinterpret_cast<std::uintptr_t>(&operation);
  operation.is_pending = true;
}

void Ring::receive(RingOperation& operation, int fd, std::byte* to, std::size_t bytes) {
  start(operation, [=](io_uring_sqe* entry) { io_uring_prep_recv(entry, fd, to, bytes, 0); });
}

void Ring::send(RingOperation& operation, int fd, const msghdr& message) {
  start(operation, [fd, &message](io_uring_sqe* entry) {
    io_uring_prep_sendmsg(entry, fd, &message, MSG_NOSIGNAL | MSG_WAITALL);
  });
}

void Ring::wait_readable(RingOperation& operation, int fd) {
  start(operation, [fd](io_uring_sqe* entry) { io_uring_prep_poll_add(entry, fd, POLLIN); });
}

void Ring::sleep(std::chrono::seconds at_most) {
  io_uring_cqe* first = nullptr;
  __kernel_timespec time{at_most.count(), 0};
  io_uring_submit_and_wait_timeout(&ring_, &first, 1, &time, nullptr);
}

std::size_t Ring::take_completions() {
  std::size_t count = 0;
  io_uring_cqe* completion = nullptr;
  while (io_uring_peek_cqe(&ring_, &completion) == 0) {
    auto& operation = *reinterpret_cast<RingOperation*>(static_cast<std::uintptr_t>(completion->user_data));
    const int result = completion->res;
    io_uring_cqe_seen(&ring_, completion);
    ++count;
    operation.is_pending = false;
    operation.done(operation.owner, result);
  }
  return count;
}

}  // namespace srp_nbd
