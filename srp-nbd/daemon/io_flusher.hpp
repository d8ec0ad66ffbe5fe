// SPDX-License-Identifier: Apache-2.0
// A process that stands behind a block device must not wait, when it needs memory, for pages to be written to that
// very device.
#pragma once

namespace srp_nbd {

// Marks this thread, and the threads it starts from then on, as one that writeback depends on, and locks the
// process's pages in memory. Best effort, once: what the kernel refuses is logged and done without.
void become_io_flusher();

}  // namespace srp_nbd
