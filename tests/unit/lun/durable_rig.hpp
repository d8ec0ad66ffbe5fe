// SPDX-License-Identifier: Apache-2.0
// A unit with a volatile cache, all that it is told, and what is on its medium.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

#include "rig.hpp"

namespace srpi::lun::test {

inline target::TargetConfig cached(bool can_force = false) {
  target::TargetConfig config;
  config.luns.push_back({.number = 0,
                         .bytes = Rig::kDiskBytes,
                         .name = "cached",
                         .volatile_cache = true,
                         .force_unit_access = can_force});
  return config;
}

struct Durable : Rig {
  explicit Durable(SessionOptions o = {}, target::TargetConfig config = cached())
      : Rig(std::move(o), std::move(config)) {
    note();
  }
  // Every command is noted, and gets what `answer` says.
  void note(std::function<target::Outcome(scsi::Opcode)> answer = {}) {
    target->set_command_hook([this, answer = std::move(answer)](const target::CommandInfo& info) {
      const auto opcode = static_cast<scsi::Opcode>(info.cdb[0]);
      if (opcode != scsi::Opcode::inquiry && opcode != scsi::Opcode::test_unit_ready)
        commands.push_back(opcode);
      if (opcode == scsi::Opcode::synchronize_cache_10)
        range = {scsi::load<std::uint32_t>(&reinterpret_cast<const std::uint8_t&>(info.cdb[2])),
                 scsi::load<std::uint16_t>(&reinterpret_cast<const std::uint8_t&>(info.cdb[7]))};
      return answer ? answer(opcode) : target::Outcome{};
    });
  }
  [[nodiscard]] std::ptrdiff_t count(scsi::Opcode opcode) const {
    return std::ranges::count(commands, opcode);
  }
  void fail_power() {
    target->set_online(false);
    target->lose_caches();
    while (nexus->state() == session::State::live) turn(), clock.advance(std::chrono::milliseconds(1));
  }
  // On the medium: also after the power has failed.
  [[nodiscard]] char durable(std::uint64_t block) {
    target->lose_caches();
    return static_cast<char>(target->disk_bytes(0)[block * 512]);
  }
  std::vector<scsi::Opcode> commands;
  std::pair<std::uint64_t, std::uint64_t> range;
};

// An Io may not move once it is submitted; a deque holds those of a test.
struct Ios : std::deque<Io> {
  Io& submit(Rig& rig, std::uint64_t block, char value, IoOperation operation = IoOperation::write) {
    auto& io = emplace_back(rig, operation, block, value);
    io.request.force_unit_access = true;
    rig.units[0]->submit(io.request);
    return io;
  }
};

inline constexpr auto kWrite = scsi::Opcode::write_10;
inline constexpr auto kFlush = scsi::Opcode::synchronize_cache_10;

}  // namespace srpi::lun::test
