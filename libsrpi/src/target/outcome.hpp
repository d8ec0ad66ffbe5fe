// SPDX-License-Identifier: Apache-2.0
// The target's fault injection: a hook chooses the outcome of a command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "scsi/sense.hpp"
#include "scsi/status.hpp"
#include "srpi/port_id.hpp"
#include "wire/task_management.hpp"

namespace srpi::target {

using ChannelNumber = std::uint64_t;  // from 1, in the order of login

// A received command. Valid only during the call.
struct CommandInfo {
  std::uint64_t sequence = 0;  // counts all commands of this target, from 1
  ChannelNumber channel = 0;
  PortId initiator;
  std::uint64_t tag = 0;
  std::uint64_t lun = 0;  // the integer form of wire/lun.hpp
  std::span<const std::byte> cdb;
};

struct Outcome {
  enum class Kind : std::uint8_t {
    normal,
    status,         // not executed, answered with `status` and `sense`
    lose_command,   // not executed, not answered; an abort finds it
    lose_response,  // executed, but not answered
    hold,           // waits for release_held() before execution; its channel's end or an abort ends it
    // The data of a write is fetched at once. Writing to the medium and the answer wait for release_held().
    // Such a write outlives its channel, as in a target that has not noticed the loss. It is ended by an
    // abort, a LUN RESET, or a login of the same initiator port that ends its channels. Other commands than
    // writes: as `hold`.
    hold_medium,
    answer,  // not executed; `unit` is sent as it is
    bend,    // executed, but `bend` changes the data before it is sent. Not for READ
  };
  Kind kind = Kind::normal;
  scsi::Status status = scsi::Status::good;
  std::optional<scsi::Sense> sense;
  std::vector<std::byte> unit;
  std::function<void(std::vector<std::uint8_t>& data)> bend = {};

  [[nodiscard]] static Outcome of(Kind kind) { return {kind, scsi::Status::good, std::nullopt, {}, {}}; }
  [[nodiscard]] static Outcome check_condition(scsi::SenseKey key, scsi::AdditionalSense additional) {
    return {Kind::status, scsi::Status::check_condition, scsi::make_sense(key, additional), {}, {}};
  }
  [[nodiscard]] static Outcome with_status(scsi::Status status) {
    return {Kind::status, status, std::nullopt, {}, {}};
  }
  [[nodiscard]] static Outcome answer_with(std::vector<std::byte> unit) {
    return {Kind::answer, scsi::Status::good, std::nullopt, std::move(unit), {}};
  }
  [[nodiscard]] static Outcome bent(std::function<void(std::vector<std::uint8_t>&)> bend) {
    return {Kind::bend, scsi::Status::good, std::nullopt, {}, std::move(bend)};
  }
};

// The outcome of a task management function.
struct TaskOutcome {
  enum class Kind : std::uint8_t {
    normal,
    lose,    // not executed, not answered
    answer,  // not executed, answered with `result`
  };
  Kind kind = Kind::normal;
  wire::TaskResult result = wire::TaskResult::complete;
};

using TaskHook = std::function<TaskOutcome(const wire::TaskManagement&)>;
using CommandHook = std::function<Outcome(const CommandInfo&)>;

}  // namespace srpi::target
