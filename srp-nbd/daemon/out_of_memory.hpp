// SPDX-License-Identifier: Apache-2.0
// After a failed allocation the daemon logs it and ends. Its kernel devices outlive it.
#pragma once

namespace srp_nbd {

// From this call on, a failed allocation in any thread ends the process with ExitCode::out_of_memory, after
// "srp-nbd: out of memory" in the log and on standard error.
void end_when_out_of_memory() noexcept;

}  // namespace srp_nbd
