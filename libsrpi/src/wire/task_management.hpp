// SPDX-License-Identifier: Apache-2.0
// SRP_TSK_MGMT: abort and reset functions (SRP r16a). The result is byte 3 of the response data of an
// SRP_RSP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "srpi/error.hpp"

namespace srpi::wire {

enum class TaskFunction : std::uint8_t {
  abort_task = 0x01,
  abort_task_set = 0x02,
  clear_task_set = 0x04,
  lun_reset = 0x08,
  clear_aca = 0x40,
};
[[nodiscard]] const char* to_string(TaskFunction) noexcept;
[[nodiscard]] bool is_known(TaskFunction) noexcept;

enum class TaskResult : std::uint8_t {
  complete = 0,
  invalid_fields = 2,
  not_supported = 4,
  failed = 5,  // also if there is no such task (any more)
};
[[nodiscard]] const char* to_string(TaskResult) noexcept;

struct TaskManagement {
  std::uint64_t tag = 0;  // the function's own tag
  std::uint64_t lun = 0;
  TaskFunction function = TaskFunction::abort_task;  // may be unknown when received
  std::uint64_t task_tag = 0;                        // abort_task: the tag of the command to abort
  std::uint8_t notify = 0;                           // kNotifyOnSuccess, kNotifyOnFailure (command.hpp)

  bool operator==(const TaskManagement&) const = default;
};

inline constexpr std::size_t kTaskManagementBytes = 48;
[[nodiscard]] constexpr std::size_t encoded_bytes(const TaskManagement&) noexcept {
  return kTaskManagementBytes;
}
std::size_t encode(const TaskManagement&, std::span<std::byte> out) noexcept;
[[nodiscard]] Result<TaskManagement> decode_task_management(std::span<const std::byte> unit);
[[nodiscard]] std::string to_string(const TaskManagement&);

}  // namespace srpi::wire
