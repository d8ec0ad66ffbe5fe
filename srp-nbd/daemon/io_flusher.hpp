// SPDX-License-Identifier: Apache-2.0
// A process behind a block device must not wait for writeback to that device when it allocates memory.
#pragma once

namespace srp_nbd {

// Marks this thread and its later threads as needed for writeback, and locks the process's pages in memory.
// If the kernel refuses, that is logged and the daemon goes on.
void become_io_flusher();

}  // namespace srp_nbd
