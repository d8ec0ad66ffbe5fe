// SPDX-License-Identifier: Apache-2.0
// Decodes command descriptor blocks, for the target.
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

enum class DataDirection : std::uint8_t { none, in, out };  // from the initiator's view
[[nodiscard]] const char* to_string(DataDirection) noexcept;

// A field that the operation does not have is zero.
struct DecodedCdb {
  Operation operation = Operation::test_unit_ready;
  std::uint64_t lba = 0;
  // read, write: 0 transfers nothing (the 0 of a READ(6) is decoded as 256). synchronize_cache, write_same: 0
  // means "to the end of the medium".
  std::uint32_t blocks = 0;
  std::uint32_t allocation_bytes = 0;       // the reply's maximum; unmap: the parameter list's length
  bool fua = false, dpo = false;            // read, write
  bool evpd = false;                        // inquiry
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

// Bytes after the CDB are ignored, because SRP always sends 16. Errors: not_supported (unknown operation or
// service action), illegal_request (a field asks for something unsupported: protection information, LBDATA
// …), protocol_error (too short).
[[nodiscard]] Result<DecodedCdb> decode_cdb(Bytes);

// The target's answer when decode_cdb fails: INVALID COMMAND OPERATION CODE or INVALID FIELD IN CDB.
[[nodiscard]] Sense refusal_of(const Error&) noexcept;

}  // namespace srpi::scsi
