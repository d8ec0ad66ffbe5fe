// SPDX-License-Identifier: Apache-2.0
#include "target/quirk.hpp"

#include <algorithm>

#include "scsi/report_luns.hpp"

namespace srpi::target {
namespace {

std::uint8_t byte_of(const CommandInfo& command, std::size_t at) {
  return at < command.cdb.size() ? static_cast<std::uint8_t>(command.cdb[at]) : std::uint8_t{0};
}

bool asks_for_page(const CommandInfo& command, const Quirk& quirk) {
  const auto page = byte_of(command, 2);
  switch (quirk.command) {
    case scsi::Opcode::inquiry: {
      const bool vital_product_data = (byte_of(command, 1) & 1) != 0;
      return vital_product_data == quirk.page.has_value() && (!quirk.page || page == *quirk.page);
    }
    case scsi::Opcode::mode_sense_6: return !quirk.page || (page & 0x3f) == *quirk.page;
    default: return true;
  }
}

bool fits(const Quirk& quirk, const CommandInfo& command) {
  if (static_cast<scsi::Opcode>(byte_of(command, 0)) != quirk.command) return false;
  if (quirk.lun && scsi::load<std::uint64_t>(scsi::lun_of(*quirk.lun).data()) != command.lun) return false;
  return asks_for_page(command, quirk);
}

}  // namespace

CommandHook hook_of(std::vector<Quirk> quirks) {
  return [all = quirks, quirks](const CommandInfo& command) mutable {
    for (std::size_t i = 0; i < quirks.size(); ++i) {
      auto& quirk = quirks[i];
      if (!fits(quirk, command)) continue;
      if (quirk.times == 0 && quirk.repeats) quirk = all[i];
      if (quirk.times == 0) continue;
      if (quirk.skipped > 0) {
        --quirk.skipped;
        return Outcome{};
      }
      if (quirk.times != Quirk::kEveryTime) --quirk.times;
      return quirk.outcome;
    }
    return Outcome{};
  };
}

Outcome cut_to(std::size_t bytes) {
  return Outcome::bent([bytes](auto& data) { data.resize(std::min(bytes, data.size())); });
}

Outcome padded_by(std::size_t bytes) {
  return Outcome::bent([bytes](auto& data) { data.resize(data.size() + bytes); });
}

Outcome zeroes() {
  return Outcome::bent([](auto& data) { std::ranges::fill(data, std::uint8_t{0}); });
}

Outcome byte_replaced(std::size_t at, std::uint8_t value) {
  return Outcome::bent([at, value](auto& data) {
    if (at < data.size()) data[at] = value;
  });
}

Outcome replaced_by(std::vector<std::uint8_t> replacement) {
  return Outcome::bent([replacement = std::move(replacement)](auto& data) { data = replacement; });
}

}  // namespace srpi::target
