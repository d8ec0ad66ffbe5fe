// SPDX-License-Identifier: Apache-2.0
#include "lane/lane_options.hpp"

#include <fmt/format.h>

#include <bit>

#include "nbd/wire.hpp"

namespace srp_nbd {

namespace {
constexpr std::size_t kLeastChunks = 5;  // two connections with two each, and one to go on with
}  // namespace

srpi::Result<> LaneOptions::validate() const {
  const auto bad = [](std::string what) {
    return srpi::Error{srpi::Errc::invalid_argument, std::move(what)};
  };
  if (!std::has_single_bit(receive_chunk_bytes) || receive_chunk_bytes < 8192 ||
      receive_chunk_bytes > (1u << 20))
    return bad(fmt::format("receive_chunk_bytes is {}; expected a power of two in 8192..1048576",
                           receive_chunk_bytes));
  if (max_connections < 1 || max_connections > 1024)
    return bad(fmt::format("max_connections is {}; expected 1..1024", max_connections));
  if (receive_bytes / receive_chunk_bytes < kLeastChunks || receive_bytes > (1ull << 30))
    return bad(fmt::format("receive_bytes is {}; expected {}..1073741824", receive_bytes,
                           kLeastChunks * receive_chunk_bytes));
  if (read_bytes < (2u << 20) || read_bytes > (1ull << 30) || read_bytes % (1u << 20) != 0)
    return bad(fmt::format("read_bytes is {}; expected whole MiB in 2..1024 MiB", read_bytes));
  if (small_read_bytes < (1u << 20) || small_read_bytes > (1u << 30) || small_read_bytes % (1u << 20) != 0)
    return bad(fmt::format("small_read_bytes is {}; expected whole MiB in 1..1024 MiB", small_read_bytes));
  if (requests_per_connection < 1 || requests_per_connection > 4096)
    return bad(fmt::format("requests_per_connection is {}; expected 1..4096", requests_per_connection));
  if (requests < 1 || requests > (1u << 16))
    return bad(fmt::format("requests is {}; expected 1..65536", requests));
  if (max_request_bytes < (1u << 20) || max_request_bytes > nbd::kMaxPayloadBytes ||
      max_request_bytes > read_bytes / 2)
    return bad(fmt::format("max_request_bytes is {}; expected 1 MiB..min(32 MiB, read_bytes / 2)",
                           max_request_bytes));
  return {};
}

}  // namespace srp_nbd
