// SPDX-License-Identifier: Apache-2.0
// Logical unit numbers (SAM-5 4.7) and REPORT LUNS parameter data (SPC-4 6.33).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

// The eight bytes of a LUN, as on the wire.
using Lun = std::array<std::uint8_t, 8>;

// The number of a LUN as people use it. It is N for the LUN that SAM-5 uses for flat number N: peripheral
// device addressing below 256, flat space addressing up to 16383. Any other LUN is its eight bytes as a
// big-endian number. Numbers and LUNs map one to one. Eight bytes that make a number below 16384 would be
// ambiguous. No target is known to use such LUNs. They get the number that the usual form of their value
// would have as eight bytes.
[[nodiscard]] std::uint64_t number_of(const Lun&) noexcept;
[[nodiscard]] Lun lun_of(std::uint64_t number) noexcept;
// For the target: the flat number of a LUN in peripheral or flat form; nullopt for other addressing methods.
[[nodiscard]] std::optional<std::uint16_t> flat_number_of(const Lun&) noexcept;
[[nodiscard]] bool is_well_known(const Lun&) noexcept;   // e.g. REPORT LUNS, C101h
[[nodiscard]] bool is_unspecified(const Lun&) noexcept;  // "logical unit not specified": no unit has it

struct ReportedLuns {
  std::vector<Lun> luns;
  bool truncated = false;      // the list has more than was received
  std::size_t list_bytes = 0;  // of the whole reply with its header: the allocation length that gets all
  [[nodiscard]] std::size_t unread() const noexcept;  // the number of LUNs that were not received
};
// protocol_error: an incomplete header, or a list length that is not a whole number of LUNs.
[[nodiscard]] Result<ReportedLuns> decode_report_luns(Bytes);
[[nodiscard]] std::vector<std::uint8_t> encode_report_luns(std::span<const Lun>);

}  // namespace srpi::scsi
