// SPDX-License-Identifier: Apache-2.0
#include "scsi/cdb.hpp"

#include <fmt/format.h>

#include "scsi/decode_cdb.hpp"

namespace srpi::scsi {

const char* to_string(Opcode opcode) noexcept {
  switch (opcode) {
    case Opcode::test_unit_ready: return "TEST UNIT READY";
    case Opcode::request_sense: return "REQUEST SENSE";
    case Opcode::read_6: return "READ(6)";
    case Opcode::write_6: return "WRITE(6)";
    case Opcode::inquiry: return "INQUIRY";
    case Opcode::mode_sense_6: return "MODE SENSE(6)";
    case Opcode::read_capacity_10: return "READ CAPACITY(10)";
    case Opcode::read_10: return "READ(10)";
    case Opcode::write_10: return "WRITE(10)";
    case Opcode::synchronize_cache_10: return "SYNCHRONIZE CACHE(10)";
    case Opcode::write_same_10: return "WRITE SAME(10)";
    case Opcode::unmap: return "UNMAP";
    case Opcode::mode_sense_10: return "MODE SENSE(10)";
    case Opcode::read_16: return "READ(16)";
    case Opcode::write_16: return "WRITE(16)";
    case Opcode::synchronize_cache_16: return "SYNCHRONIZE CACHE(16)";
    case Opcode::write_same_16: return "WRITE SAME(16)";
    case Opcode::service_action_in_16: return "SERVICE ACTION IN(16)";
    case Opcode::report_luns: return "REPORT LUNS";
    case Opcode::read_12: return "READ(12)";
    case Opcode::write_12: return "WRITE(12)";
  }
  return "unknown command";
}

std::string to_string(const Cdb& cdb) {
  const auto decoded = decode_cdb(cdb.span());
  // A CDB that we cannot decode is printed in hex.
  if (!decoded) return fmt::format("{} [{}]", to_string(cdb.opcode()), hex(cdb.span()));
  const auto& d = *decoded;
  switch (d.operation) {
    case Operation::read:
    case Operation::write:
    case Operation::synchronize_cache:
    case Operation::write_same:
      return fmt::format("{} lba {} blocks {}{}{}{}{}", to_string(cdb.opcode()), d.lba, d.blocks,
                         d.fua ? " fua" : "", d.dpo ? " dpo" : "", d.unmap ? " unmap" : "",
                         d.no_data_out ? " ndob" : "");
    case Operation::inquiry:
      if (d.evpd) return fmt::format("INQUIRY VPD 0x{:02x}", d.page);
      return "INQUIRY";
    case Operation::mode_sense_6:
    case Operation::mode_sense_10: return fmt::format("{} page 0x{:02x}", to_string(cdb.opcode()), d.page);
    case Operation::read_capacity_16: return "READ CAPACITY(16)";
    case Operation::test_unit_ready:
    case Operation::request_sense:
    case Operation::report_luns:
    case Operation::read_capacity_10:
    case Operation::unmap: break;
  }
  return to_string(cdb.opcode());
}

}  // namespace srpi::scsi
