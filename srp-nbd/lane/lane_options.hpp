// SPDX-License-Identifier: Apache-2.0
// A lane's limits. Everything a lane needs for I/O is allocated by these numbers when it starts, or when a connection
// is added; the data path allocates nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "srpi/error.hpp"

namespace srp_nbd {

struct LaneOptions {
  static constexpr std::uint32_t kMostRequestBytes = 32u << 20;

  std::string name = "lane";  // of the thread; the first 15 characters show in ps

  // Registered memory, the sum of the first three. It is pinned as soon as the session has found its RDMA device, and
  // counts against RLIMIT_MEMLOCK there. A full pool delays requests; it never fails them.
  std::size_t receive_bytes = 16u << 20;         // what arrives from clients: headers and write payloads
  std::size_t read_bytes = 16u << 20;            // what is read for them
  std::size_t small_read_bytes = 1u << 20;       // more of it, see io_memory.hpp
  std::size_t receive_chunk_bytes = 256u << 10;  // one receive fills at most this much

  // One for each unit that a session may have, and as many again.
  std::uint32_t max_connections = 512;
  // Under way at a time; more stay in the socket. Many connections, or many units that will want one, share `requests`,
  // 2 KiB of memory each. None has less than 32.
  std::uint32_t requests_per_connection = 256;
  std::uint32_t requests = 8192;
  std::uint32_t max_request_bytes = 8u << 20;  // of one read or write

  // A client is sent away when it holds memory that others wait for, and for this long neither goes on with its request
  // nor takes a byte of its answers.
  std::chrono::milliseconds stuck_client{30000};

  // Polls without finding work before the thread sleeps. Ignored (0) where there is a single CPU.
  std::uint32_t idle_polls = 64;

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return receive_bytes + read_bytes + small_read_bytes;
  }
  // Errors: invalid_argument, naming the option and its range.
  [[nodiscard]] srpi::Result<> validate() const;
};

}  // namespace srp_nbd
