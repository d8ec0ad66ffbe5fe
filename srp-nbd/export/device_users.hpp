// SPDX-License-Identifier: Apache-2.0
// What uses a block device, in words for an operator. Reads /sys and /proc, so it may take some time.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace srp_nbd {

// `name` is a disk of /sys/block, such as "nbd0"; its partitions count as well. Each use is one text: "/dev/nbd0p1 is
// mounted at /mnt", "/dev/nbd0 is part of dm-0 (mpatha)", "process 123 (fio) has /dev/nbd0 open". Empty: nothing
// uses it. `root` replaces "/" in tests.
[[nodiscard]] std::vector<std::string> users_of_device(const std::string& name,
                                                       const std::string& root = "/");

// The command that the process runs; "?" if it has ended.
[[nodiscard]] std::string name_of_process(pid_t process, const std::string& root = "/");

}  // namespace srp_nbd
