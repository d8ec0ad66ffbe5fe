// SPDX-License-Identifier: Apache-2.0
// What odd targets answer, as data: a table of quirks makes a command hook (outcome.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scsi/cdb.hpp"
#include "target/outcome.hpp"

namespace srpi::target {

// One command that gets an odd answer.
struct Quirk {
  scsi::Opcode command = scsi::Opcode::inquiry;
  // Of INQUIRY: the VPD page, or nullopt for the standard data. Of MODE SENSE(6): the mode page, or nullopt for
  // all. Other commands have none.
  std::optional<std::uint8_t> page = {};
  std::optional<std::uint64_t> lun = {};  // its number as people use it; nullopt: all units
  Outcome outcome = {};
  unsigned skipped = 0;         // so many of these commands are answered normally first
  unsigned times = kEveryTime;  // and then so many oddly,
  bool repeats = false;         // and so on from the begin

  static constexpr unsigned kEveryTime = ~0u;
};

// The first quirk of the table that fits a command and is not used up gives its outcome.
[[nodiscard]] CommandHook hook_of(std::vector<Quirk>);

// The command is executed, and its data is changed before it is sent.
[[nodiscard]] Outcome cut_to(std::size_t bytes);
[[nodiscard]] Outcome padded_by(std::size_t bytes);  // with zeroes after the data
[[nodiscard]] Outcome zeroes();                      // as many as the data has
[[nodiscard]] Outcome byte_replaced(std::size_t at, std::uint8_t value);
[[nodiscard]] Outcome replaced_by(std::vector<std::uint8_t> data);

}  // namespace srpi::target
