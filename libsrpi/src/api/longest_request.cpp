// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "scsi/disposition.hpp"
#include "srpi/session_options.hpp"

namespace srpi {
namespace {

// The sum of all delays of a command that uses all retries of every class.
base::Duration all_retry_delays() noexcept {
  scsi::RetryBudget budget;
  base::Duration sum{};
  for (const auto& limit : scsi::kRetryLimits)
    while (const auto delay = budget.next(limit.retry_class)) sum += *delay;
  return sum;
}

}  // namespace

Milliseconds SessionOptions::longest_request() const noexcept {
  // With force unit access there is a write, its flush, and one of them again. Each may be held, time out, be
  // aborted, and then have its unit reset.
  constexpr int kCommands = 3;
  const auto one = command_timeout + fast_io_fail + 2 * task_management_timeout;
  return kCommands * one + connect_timeout + std::chrono::ceil<Milliseconds>(all_retry_delays());
}

}  // namespace srpi
