// SPDX-License-Identifier: Apache-2.0
#include "wire/task_management.hpp"

#include <fmt/format.h>

#include "wire/command.hpp"
#include "wire/lun.hpp"
#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

struct TaskManagementLayout {
  std::uint8_t opcode = 0;
  std::uint8_t notify = 0;
  std::uint8_t reserved_2[6] = {};
  base::be64 tag;
  std::uint8_t reserved_16[4] = {};
  base::be64 lun;
  std::uint8_t reserved_28[2] = {};
  std::uint8_t function = 0;
  std::uint8_t reserved_31 = 0;
  base::be64 task_tag;
  std::uint8_t reserved_40[8] = {};
};
static_assert(sizeof(TaskManagementLayout) == kTaskManagementBytes);
static_assert(offsetof(TaskManagementLayout, tag) == 8 && offsetof(TaskManagementLayout, lun) == 20);
static_assert(offsetof(TaskManagementLayout, function) == 30 &&
              offsetof(TaskManagementLayout, task_tag) == 32);

}  // namespace

const char* to_string(TaskFunction function) noexcept {
  switch (function) {
    case TaskFunction::abort_task: return "ABORT TASK";
    case TaskFunction::abort_task_set: return "ABORT TASK SET";
    case TaskFunction::clear_task_set: return "CLEAR TASK SET";
    case TaskFunction::lun_reset: return "LOGICAL UNIT RESET";
    case TaskFunction::clear_aca: return "CLEAR ACA";
  }
  return "unknown function";
}

bool is_known(TaskFunction function) noexcept {
  switch (function) {
    case TaskFunction::abort_task:
    case TaskFunction::abort_task_set:
    case TaskFunction::clear_task_set:
    case TaskFunction::lun_reset:
    case TaskFunction::clear_aca: return true;
  }
  return false;
}

const char* to_string(TaskResult result) noexcept {
  switch (result) {
    case TaskResult::complete: return "complete";
    case TaskResult::invalid_fields: return "invalid fields";
    case TaskResult::not_supported: return "not supported";
    case TaskResult::failed: return "failed";
  }
  return "unknown result";
}

std::size_t encode(const TaskManagement& task, std::span<std::byte> out) noexcept {
  auto& raw = start<TaskManagementLayout>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::task_management);
  raw.notify = task.notify;
  raw.tag = task.tag;
  raw.lun = task.lun;
  raw.function = static_cast<std::uint8_t>(task.function);
  raw.task_tag = task.task_tag;
  return sizeof raw;
}

Result<TaskManagement> decode_task_management(std::span<const std::byte> unit) {
  if (auto error = check_unit(unit, Opcode::task_management, kTaskManagementBytes)) return *error;
  const auto& raw = overlay<TaskManagementLayout>(unit);
  TaskManagement task;
  task.tag = raw.tag;
  task.lun = raw.lun;
  task.function = static_cast<TaskFunction>(raw.function);
  task.task_tag = raw.task_tag;
  task.notify = raw.notify & (kNotifyOnSuccess | kNotifyOnFailure);
  return task;
}

std::string to_string(const TaskManagement& t) {
  auto text = fmt::format("SRP_TSK_MGMT tag 0x{:016x} LUN {} function 0x{:02x} ({})", t.tag,
                          lun_to_string(t.lun), static_cast<unsigned>(t.function), to_string(t.function));
  if (t.function == TaskFunction::abort_task) text += fmt::format(" of tag 0x{:016x}", t.task_tag);
  return text;
}

}  // namespace srpi::wire
