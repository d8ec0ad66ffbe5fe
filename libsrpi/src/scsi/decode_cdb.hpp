// SPDX-License-Identifier: Apache-2.0
// Command descriptor blocks, as the target reads them.
#pragma once

#include <cstdint>

#include "scsi/cdb.hpp"
#include "scsi/sense.hpp"

namespace srpi::scsi {

enum class Operation : std::uint8_t {
  test_unit_ready,
  request_sense,
  inquiry,
  report_luns,
  read_capacity_10,
  read_capacity_16,
  mode_sense_6,
  mode_sense_10,
  read,  // (6), (10), (12), (16)
  write,
  synchronize_cache,  // (10), (16)
  write_same,
  unmap,
};
[[nodiscard]] const char* to_string(Operation) noexcept;

enum class DataDirection : std::uint8_t { none, in, out };  // as seen by the initiator
[[nodiscard]] const char* to_string(DataDirection) noexcept;

// Fields that the operation does not have are zero.
struct DecodedCdb {
  Operation operation = Operation::test_unit_ready;
  std::uint64_t lba = 0;
  // read, write: 0 is no transfer (READ(6)'s 0 is given as its 256). synchronize_cache, write_same: 0 is "to
  // the end".
  std::uint32_t blocks = 0;
  std::uint32_t allocation_bytes = 0;  // the most the reply may have; of unmap: the parameter list's length
  bool fua = false, dpo = false;       // read, write
  bool evpd = false;                   // inquiry
  bool unmap = false, no_data_out = false;  // write_same
  bool immediate = false;                   // synchronize_cache
  bool descriptor_format = false;           // request_sense
  bool disable_block_descriptors = false;   // mode sense
  std::uint8_t page = 0;                    // inquiry (evpd), mode sense
  std::uint8_t subpage = 0;                 // mode sense
  std::uint8_t page_control = 0;            // mode sense: 0 current, 1 changeable, 2 default, 3 saved
  std::uint8_t select_report = 0;           // report_luns

  friend bool operator==(const DecodedCdb&, const DecodedCdb&) = default;
};

[[nodiscard]] DataDirection direction_of(const DecodedCdb&) noexcept;

// Bytes after the CDB are ignored (SRP always sends 16). Errors: not_supported (operation or service action
// unknown), illegal_request (a field asks for what we have not: protection information, LBDATA …),
// protocol_error (too short).
[[nodiscard]] Result<DecodedCdb> decode_cdb(Bytes);

// What the target answers to a CDB that decode_cdb refused: INVALID COMMAND OPERATION CODE or INVALID FIELD
// IN CDB.
[[nodiscard]] Sense refusal_of(const Error&) noexcept;

}  // namespace srpi::scsi
