// SPDX-License-Identifier: Apache-2.0
// The io_uring of a lane: what waits in it, and which function is called when that is over.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "srpi/error.hpp"

namespace srp_nbd {

// One operation in the ring. It lies in the object that starts it, and stays there until `done` has been called.
struct RingOperation {
  using Done = void (*)(void* owner, int result);  // result: bytes, or -errno

  RingOperation(void* owner_in, Done done_in) noexcept : owner(owner_in), done(done_in) {}
  RingOperation(const RingOperation&) = delete;
  RingOperation& operator=(const RingOperation&) = delete;

  void* const owner;
  const Done done;
  bool is_pending = false;  // in the ring; false already when `done` is called
};

class Ring {
 public:
  Ring() = default;
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // For as many operations at a time. On the thread that uses the ring. Errors: not_supported where io_uring is switched
  // off; no_memory, naming the limit.
  [[nodiscard]] srpi::Result<> open(std::uint32_t operations);

  void receive(RingOperation&, int fd, std::byte* to, std::size_t bytes);
  // `message`, what it points to included, stays until the operation is over.
  void send(RingOperation&, int fd, const msghdr& message);
  void wait_readable(RingOperation&, int fd);

  // Hands what was started to the kernel, without waiting.
  void submit() { io_uring_submit_and_get_events(&ring_); }
  // The same, and waits until an operation is over.
  void sleep() { io_uring_submit_and_wait(&ring_, 1); }
  void sleep(std::chrono::seconds at_most);

  // Calls `done` of what is over. Returns how many that were.
  std::size_t take_completions();

 private:
  [[nodiscard]] io_uring_sqe& next_entry();
  static void begin(RingOperation&, io_uring_sqe&);

  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace srp_nbd
