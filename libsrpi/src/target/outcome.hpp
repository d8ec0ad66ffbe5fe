// SPDX-License-Identifier: Apache-2.0
// What becomes of a command, if somebody wants it otherwise: the target's fault injection.
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

// A command that came; valid during the call only.
struct CommandInfo {
  std::uint64_t sequence = 0;  // of all commands of this target, from 1
  ChannelNumber channel = 0;
  PortId initiator;
  std::uint64_t tag = 0;
  std::uint64_t lun = 0;  // as wire/lun.hpp has it
  std::span<const std::byte> cdb;
};

struct Outcome {
  enum class Kind : std::uint8_t {
    normal,
    status,         // answered with `status` and `sense`; nothing is done
    lose_command,   // nothing is done, nothing is answered; an abort finds it
    lose_response,  // done, but not answered
    hold,           // waits for release_held() before anything is done; ends with its channel or by an abort
    // A write whose data is fetched at once, while the medium and the answer wait for release_held(). It
    // outlives its channel, as in a target that has not noticed the loss: what ends it is an abort, LUN
    // RESET, or a login of the same initiator port that ends its channels. Other commands: hold.
    hold_medium,
    answer,  // `unit` is sent as it is; nothing is done
  };
  Kind kind = Kind::normal;
  scsi::Status status = scsi::Status::good;
  std::optional<scsi::Sense> sense;
  std::vector<std::byte> unit;

  [[nodiscard]] static Outcome of(Kind kind) { return {kind, scsi::Status::good, std::nullopt, {}}; }
  [[nodiscard]] static Outcome check_condition(scsi::SenseKey key, scsi::AdditionalSense additional) {
    return {Kind::status, scsi::Status::check_condition, scsi::make_sense(key, additional), {}};
  }
  [[nodiscard]] static Outcome with_status(scsi::Status status) {
    return {Kind::status, status, std::nullopt, {}};
  }
  [[nodiscard]] static Outcome answer_with(std::vector<std::byte> unit) {
    return {Kind::answer, scsi::Status::good, std::nullopt, std::move(unit)};
  }
};

// The same for a task management function.
struct TaskOutcome {
  enum class Kind : std::uint8_t {
    normal,
    lose,    // nothing is done, nothing is answered
    answer,  // answered with `result`; nothing is done
  };
  Kind kind = Kind::normal;
  wire::TaskResult result = wire::TaskResult::complete;
};

using TaskHook = std::function<TaskOutcome(const wire::TaskManagement&)>;
using CommandHook = std::function<Outcome(const CommandInfo&)>;

}  // namespace srpi::target
