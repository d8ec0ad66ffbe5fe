// SPDX-License-Identifier: Apache-2.0
// The io_uring of a lane: its operations, and the functions that are called at their end.
#pragma once

#include <liburing.h>
#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>

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
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // Opens the ring for this number of concurrent operations. Must be called on the thread that uses the ring.
  // Errors: not_supported if io_uring is disabled; no_memory, with the limit in its text.
  [[nodiscard]] srpi::Result<> open(std::uint32_t operations);

  void receive(RingOperation&, int fd, std::byte* to, std::size_t bytes);
  // `message` and everything it points to must stay until the operation ends.
  void send(RingOperation&, int fd, const msghdr& message);
  void wait_readable(RingOperation&, int fd);

  // Passes the started operations to the kernel, without waiting.
  void submit() { io_uring_submit_and_get_events(&ring_); }
  // The same, and waits until an operation ends.
  void sleep() { io_uring_submit_and_wait(&ring_, 1); }
  void sleep(std::chrono::seconds at_most);

  // Calls `done` of the ended operations. Returns their number.
  std::size_t take_completions();

 private:
  template<class Prepare>
  void start(RingOperation&, Prepare);

  io_uring ring_{};
  bool is_open_ = false;
};

}  // namespace srp_nbd
