// SPDX-License-Identifier: Apache-2.0
#include "srpi/session_options.hpp"

#include <fmt/format.h>

namespace srpi {
namespace {

Result<> range(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most,
               const char* unit) {
  if (value >= least && value <= most) return {};
  return Error{Errc::invalid_argument,
               fmt::format("{} is {}{}, permitted are {} to {}", name, value, unit, least, most)};
}

Result<> range(const char* name, Milliseconds value, std::int64_t least_ms) {
  constexpr std::int64_t kMost = 24LL * 3600 * 1000;
  if (value.count() >= least_ms && value.count() <= kMost) return {};
  return Error{Errc::invalid_argument,
               fmt::format("{} is {} ms, permitted are {} to {} ms", name, value.count(), least_ms, kMost)};
}

}  // namespace

Result<> SessionOptions::validate() const {
  for (const auto& checked : {
           range("channels", channels, 1, 16, ""),
           range("queue_depth", queue_depth, 1, 4096, ""),
           range("max_it_iu_bytes", max_it_iu_bytes, kLeastItIuBytes, kMostItIuBytes, " bytes"),
           range("descriptors", descriptors, 1, 255, ""),
           range("max_transfer_bytes", max_transfer_bytes, 4096, 1u << 26, " bytes"),
           range("retry_count", retry_count, 0, 6, ""),
           range("ack_timeout_exponent", ack_timeout_exponent, 1, 31, ""),
           range("luns", luns.size(), 0, 256, " LUNs"),
           range("connect_timeout", connect_timeout, 10),
           range("command_timeout", command_timeout, 10),
           range("task_management_timeout", task_management_timeout, 10),
           range("keepalive", keepalive.value_or(Milliseconds(10)), 10),
           range("reconnect_delay", reconnect_delay.value_or(Milliseconds(10)), 10),
           range("reconnect_first_delay", reconnect_first_delay, 1),
           range("fast_io_fail", fast_io_fail, 0),
           range("dev_loss", dev_loss.value_or(Milliseconds(10)), 10),
       })
    if (!checked) return checked;
  if (channels * queue_depth > 4096)
    return Error{Errc::invalid_argument,
                 fmt::format("channels ({}) times queue_depth ({}) is {} commands, permitted are 4096 in all",
                             channels, queue_depth, channels * queue_depth)};
  if (fence_first_login && !fence)
    return Error{Errc::invalid_argument, "fence_first_login is on, but fence is off"};
  if (dev_loss && *dev_loss < fast_io_fail)
    return Error{Errc::invalid_argument, fmt::format("dev_loss ({} ms) is shorter than fast_io_fail ({} ms)",
                                                     dev_loss->count(), fast_io_fail.count())};
  if (const auto silent = transport_tries_for(); silent > command_timeout)
    return Error{
        Errc::invalid_argument,
        fmt::format("with ack_timeout_exponent {} and retry_count {} a silent peer is noticed after {} ms, "
                    "later than command_timeout ({} ms)",
                    ack_timeout_exponent, retry_count, std::chrono::ceil<Milliseconds>(silent).count(),
                    command_timeout.count())};
  return {};
}

Milliseconds SessionOptions::silent_peer_noticed_within() const noexcept {
  return std::chrono::ceil<Milliseconds>(4 * transport_tries_for());
}

}  // namespace srpi
