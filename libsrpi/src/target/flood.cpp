// SPDX-License-Identifier: Apache-2.0
// What a target may do without end: requests of its own, each sent when the one before it is answered, and answers
// by a table of quirks.
#include <algorithm>
#include <vector>

#include "target/channel.hpp"
#include "target/logical_unit.hpp"
#include "target/quirk.hpp"
#include "target/ram_target.hpp"

namespace srpi::target {
namespace {

constexpr scsi::AdditionalSense kSpaceLow{0x38, 0x07};
constexpr scsi::Opcode kReadsAndWrites[] = {scsi::Opcode::read_10, scsi::Opcode::read_16,
                                            scsi::Opcode::write_10, scsi::Opcode::write_16};

scsi::Sense attention(scsi::AdditionalSense condition) {
  return scsi::make_sense(scsi::SenseKey::unit_attention, condition);
}

std::vector<std::byte> logout() {
  std::vector<std::byte> unit(wire::kLogoutBytes);
  wire::encode(wire::TargetLogout{.tag = 1, .reason = wire::LogoutReason::none, .solicited = false}, unit);
  return unit;
}

}  // namespace

CommandHook RamTarget::flood_hook(RamFlood flood) {
  std::vector<Quirk> quirks;
  for (const auto command : kReadsAndWrites) {
    if (flood == RamFlood::attentions)
      quirks.push_back(
          {.command = command,
           .outcome = Outcome::check_condition(scsi::SenseKey::unit_attention, scsi::kCapacityChanged),
           .skipped = 1,
           .times = 1,
           .repeats = true});
    if (flood == RamFlood::logouts)
      quirks.push_back({.command = command, .outcome = Outcome::answer_with(logout())});
  }
  return quirks.empty() ? CommandHook() : hook_of(std::move(quirks));
}

std::size_t RamTarget::flood() {
  const auto waits = [](const auto& channel) { return channel->usable() && channel->has_request(); };
  if (units_.empty() || std::ranges::any_of(channels_, waits)) return 0;
  const auto unit = units_.front()->number();
  switch (config_.flood) {
    case RamFlood::none:
    case RamFlood::attentions:
    case RamFlood::logouts: return 0;
    case RamFlood::events: return send_async_event(unit, attention(kSpaceLow));
    case RamFlood::credits: return send_credit_request(0);
    case RamFlood::changes: {
      auto& disk = units_.front()->disk();
      if (auto grown = disk.resize(disk.bytes().size() + disk.block_size()); !grown) return 0;
      return send_async_event(unit, attention(scsi::kCapacityChanged));
    }
  }
  return 0;
}

}  // namespace srpi::target
