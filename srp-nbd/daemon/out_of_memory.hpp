// SPDX-License-Identifier: Apache-2.0
// The daemon does not survive a failed allocation. It says so and ends; its kernel devices outlive it.
#pragma once

namespace srp_nbd {

// From now on a failed allocation in any thread ends the process with ExitCode::out_of_memory, after
// "srp-nbd: out of memory" in the log and on standard error.
void end_when_out_of_memory() noexcept;

}  // namespace srp_nbd
