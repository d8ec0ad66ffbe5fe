// SPDX-License-Identifier: Apache-2.0
#include "lane/lane_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace srp_nbd {

namespace {

constexpr std::size_t kMiB = 1u << 20;
constexpr std::size_t kLeastChunks = 5;  // two for each of two connections, and one more

struct Limit {
  const char* name;
  std::size_t value, least, most;
  std::size_t step = 1;  // the value must be a multiple of it
};

}  // namespace

srpi::Result<> LaneOptions::validate() const {
  const Limit limits[] = {
      {"receive_chunk_bytes", receive_chunk_bytes, 8192, kMiB},
      {"max_connections", max_connections, 1, 1024},
      {"receive_bytes", receive_bytes, kLeastChunks * receive_chunk_bytes, 1024 * kMiB},
      {"read_bytes", read_bytes, 2 * kMiB, 1024 * kMiB, kMiB},
      {"small_read_bytes", small_read_bytes, kMiB, 1024 * kMiB, kMiB},
      {"requests_per_connection", requests_per_connection, 1, 4096},
      {"requests", requests, 1, 1u << 16},
      // A connection takes at most half of the blocks for reads (frontend/nbd).
      {"max_request_bytes", max_request_bytes, kMiB,
       std::min<std::size_t>(kMostRequestBytes, read_bytes / 2)},
  };
  for (const auto& l : limits)
    if (l.value < l.least || l.value > l.most || l.value % l.step != 0)
      return srpi::Error{srpi::Errc::invalid_argument,
                         fmt::format("{} is {}; expected {}..{}, a multiple of {}", l.name, l.value, l.least,
                                     l.most, l.step)};
  if (!std::has_single_bit(receive_chunk_bytes))
    return srpi::Error{
        srpi::Errc::invalid_argument,
        fmt::format("receive_chunk_bytes is {}; expected a power of two", receive_chunk_bytes)};
  return {};
}

}  // namespace srp_nbd
