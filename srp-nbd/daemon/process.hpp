// SPDX-License-Identifier: Apache-2.0
// What concerns the whole process: its memory, and its service manager.
#pragma once

#include <string_view>

namespace srp_nbd {

// From this call on, a failed allocation in any thread ends the process with ExitCode::out_of_memory, after
// "srp-nbd: out of memory" in the log and on standard error. Its kernel devices outlive it.
void end_when_out_of_memory() noexcept;

// Permits as many file descriptors as the hard limit does: each client, follower and lane needs some.
void raise_descriptor_limit() noexcept;

// A process behind a block device must not wait for writeback to that device when it allocates memory. Marks
// this thread and its later threads as needed for writeback, and locks the process's pages in memory. If the
// kernel refuses, that is logged and the daemon goes on.
void become_io_flusher();

// Reports the daemon's state, "READY=1" or "STOPPING=1", to a service manager ($NOTIFY_SOCKET).
void notify_service_manager(std::string_view state) noexcept;

}  // namespace srp_nbd
