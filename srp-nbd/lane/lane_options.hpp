// SPDX-License-Identifier: Apache-2.0
// A lane's limits. They determine the memory for I/O, which is allocated when the lane starts or a connection
// is added. The data path allocates nothing.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "srpi/error.hpp"

namespace srp_nbd {

struct LaneOptions {
  static constexpr std::uint32_t kMostRequestBytes = 32u << 20;

  std::string name = "lane";  // the thread's name; ps shows the first 15 characters

  // Registered memory: the sum of the first three. It is pinned when the session has found its RDMA device,
  // and then counts against RLIMIT_MEMLOCK. An empty pool delays requests, but does not fail them.
  std::size_t receive_bytes = 16u << 20;         // data from clients: headers and write payloads
  std::size_t read_bytes = 16u << 20;            // data of reads
  std::size_t small_read_bytes = 1u << 20;       // more data of reads, see io_memory.hpp
  std::size_t receive_chunk_bytes = 256u << 10;  // limit of one receive

  // Two for each unit that a session may have.
  std::uint32_t max_connections = 512;
  // Concurrent requests of a connection; more stay in the socket. With many connections or units, they share
  // `requests`. Each needs 2 KiB of memory, and a connection has at least 32.
  std::uint32_t requests_per_connection = 256;
  std::uint32_t requests = 8192;
  std::uint32_t max_request_bytes = 8u << 20;  // of one read or write

  // A client is disconnected if it holds memory that others wait for, and neither sends nor receives a byte
  // for this time.
  std::chrono::milliseconds stuck_client{30000};

  // The number of polls without work before the thread sleeps. With a single CPU it is 0.
  std::uint32_t idle_polls = 64;

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return receive_bytes + read_bytes + small_read_bytes;
  }
  // Errors: invalid_argument, with the option and its range.
  [[nodiscard]] srpi::Result<> validate() const;
};

}  // namespace srp_nbd
