// SPDX-License-Identifier: Apache-2.0
// Shared by the tests of single parts of the session: commands without a target, and channels without a
// connection.
#pragma once

#include <vector>

#include "base/clock.hpp"
#include "session/channel_set.hpp"

namespace srpi::session::test {

inline constexpr std::uint64_t kLun0 = 0, kLun1 = std::uint64_t{1} << 48;

inline Command a_read(std::uint64_t lun = kLun0) {
  Command command;
  command.cdb = scsi::read_blocks(0, 1, false);
  command.lun = lun;
  return command;
}

inline Command a_write(std::uint64_t lun = kLun0) {
  Command command;
  command.cdb = scsi::write_blocks(0, 1, false);
  command.lun = lun;
  return command;
}

inline std::vector<Command*> content(CommandList list) {
  std::vector<Command*> all;
  while (auto* c = list.pop_front()) all.push_back(c);
  return all;
}

struct NoEvents final : UnitEventSink {
  void on_unit_event(std::uint64_t, scsi::Event) noexcept override {}
  void on_stuck_unit(std::uint64_t, const Channel&) noexcept override {}
};

struct IdleChannels {
  SessionOptions options;
  base::ManualClock clock;
  base::Random random{1};
  NoEvents events;
  ChannelSet channels{options, clock, random, events};
  [[nodiscard]] base::Time now() const { return clock.now(); }
};

}  // namespace srpi::session::test
