// SPDX-License-Identifier: Apache-2.0
#include "srpi/session_options.hpp"

#include <fmt/format.h>

#include "srpi/session_option_table.hpp"

namespace srpi {
Result<> SessionOptions::validate() const {
  for (const auto& option : session_option_table())
    if (auto valid = option.validate(*this); !valid) return valid;
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
