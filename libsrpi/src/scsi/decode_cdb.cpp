// SPDX-License-Identifier: Apache-2.0
#include "scsi/decode_cdb.hpp"

#include <fmt/format.h>

namespace srpi::scsi {
namespace {

// The group of the operation code determines the length of the CDB (SPC-4 4.2.5.1). 0: variable length,
// reserved or vendor specific.
constexpr std::size_t cdb_bytes_of(std::uint8_t opcode) {
  constexpr std::uint8_t kByGroup[8] = {6, 10, 10, 0, 16, 12, 0, 0};
  return kByGroup[opcode >> 5];
}

Error refused(Opcode opcode, const char* field) {
  return {Errc::illegal_request, fmt::format("{}: {}", to_string(opcode), field)};
}

constexpr DecodedCdb operation(Operation op) {
  DecodedCdb out;
  out.operation = op;
  return out;
}

constexpr void take_6(DecodedCdb& out, const Reader& in) {
  out.lba = in.u32(0) & 0x1fffff;
  out.blocks = in.u8(4) == 0 ? 256u : in.u8(4);
}
constexpr void take_10(DecodedCdb& out, const Reader& in) {
  out.lba = in.u32(2);
  out.blocks = in.u16(7);
}
constexpr void take_12(DecodedCdb& out, const Reader& in) {
  out.lba = in.u32(2);
  out.blocks = in.u32(6);
}
constexpr void take_16(DecodedCdb& out, const Reader& in) {
  out.lba = in.u64(2);
  out.blocks = in.u32(10);
}

// READ and WRITE. Except in the 6-byte form, byte 1 has PROTECT in bits 5-7, DPO in bit 4 and FUA in bit 3.
Result<DecodedCdb> transfer(Opcode opcode, Operation direction, const Reader& in) {
  auto out = operation(direction);
  switch (opcode) {
    case Opcode::read_6:
    case Opcode::write_6: take_6(out, in); return out;
    case Opcode::read_10:
    case Opcode::write_10: take_10(out, in); break;
    case Opcode::read_12:
    case Opcode::write_12: take_12(out, in); break;
    default: take_16(out, in);
  }
  if (in.u8(1) >> 5 != 0) return refused(opcode, "protection information asked for");
  out.dpo = in.bit(1, 4);
  out.fua = in.bit(1, 3);
  return out;
}

Result<DecodedCdb> write_same(Opcode opcode, const Reader& in) {
  auto out = operation(Operation::write_same);
  const auto flags = in.u8(1);
  if ((flags & 0xe0) != 0) return refused(opcode, "protection information asked for");
  if ((flags & 0x10) != 0) return refused(opcode, "ANCHOR is set");
  if ((flags & 0x06) != 0) return refused(opcode, "PBDATA or LBDATA is set");
  out.unmap = (flags & 0x08) != 0;
  if (opcode == Opcode::write_same_16) {
    out.no_data_out = (flags & 0x01) != 0;
    take_16(out, in);
  } else {
    take_10(out, in);
  }
  return out;
}

Result<DecodedCdb> inquiry_of(const Reader& in) {
  auto out = operation(Operation::inquiry);
  if (in.bit(1, 1)) return refused(Opcode::inquiry, "CMDDT is set");
  out.evpd = in.bit(1, 0);
  out.page = in.u8(2);
  if (!out.evpd && out.page != 0)
    return refused(Opcode::inquiry, "page code is not 0 without EVPD");  // SPC-4 6.6
  out.allocation_bytes = in.u16(3);
  return out;
}

DecodedCdb mode_sense_of(Operation op, const Reader& in) {
  auto out = operation(op);
  out.disable_block_descriptors = in.bit(1, 3);
  out.page_control = in.u8(2) >> 6;
  out.page = in.u8(2) & 0x3f;
  out.subpage = in.u8(3);
  out.allocation_bytes = op == Operation::mode_sense_6 ? in.u8(4) : in.u16(7);
  return out;
}

Result<DecodedCdb> decode_by_opcode(Opcode opcode, const Reader& in) {
  DecodedCdb out;
  switch (opcode) {
    case Opcode::test_unit_ready: return operation(Operation::test_unit_ready);
    case Opcode::request_sense:
      out = operation(Operation::request_sense);
      out.descriptor_format = in.bit(1, 0);
      out.allocation_bytes = in.u8(4);
      return out;
    case Opcode::inquiry: return inquiry_of(in);
    case Opcode::report_luns:
      out = operation(Operation::report_luns);
      out.select_report = in.u8(2);
      out.allocation_bytes = in.u32(6);
      return out;
    case Opcode::read_capacity_10: return operation(Operation::read_capacity_10);
    case Opcode::service_action_in_16:
      if ((in.u8(1) & 0x1f) != kServiceActionReadCapacity16)
        return Error{Errc::not_supported,
                     fmt::format("SERVICE ACTION IN(16): service action 0x{:02x}", in.u8(1) & 0x1f)};
      out = operation(Operation::read_capacity_16);
      out.allocation_bytes = in.u32(10);
      return out;
    case Opcode::mode_sense_6: return mode_sense_of(Operation::mode_sense_6, in);
    case Opcode::mode_sense_10: return mode_sense_of(Operation::mode_sense_10, in);
    case Opcode::read_6:
    case Opcode::read_10:
    case Opcode::read_12:
    case Opcode::read_16: return transfer(opcode, Operation::read, in);
    case Opcode::write_6:
    case Opcode::write_10:
    case Opcode::write_12:
    case Opcode::write_16: return transfer(opcode, Operation::write, in);
    case Opcode::synchronize_cache_10:
    case Opcode::synchronize_cache_16:
      out = operation(Operation::synchronize_cache);
      out.immediate = in.bit(1, 1);
      if (opcode == Opcode::synchronize_cache_10)
        take_10(out, in);
      else
        take_16(out, in);
      return out;
    case Opcode::write_same_10:
    case Opcode::write_same_16: return write_same(opcode, in);
    case Opcode::unmap:
      if (in.bit(1, 0)) return refused(opcode, "ANCHOR is set");
      out = operation(Operation::unmap);
      out.allocation_bytes = in.u16(7);
      return out;
  }
  return Error{Errc::not_supported, fmt::format("operation code 0x{:02x}", static_cast<unsigned>(opcode))};
}

}  // namespace

Result<DecodedCdb> decode_cdb(Bytes bytes) {
  if (bytes.empty()) return protocol_error("CDB: empty");
  const auto opcode = static_cast<Opcode>(bytes[0]);
  const auto size = cdb_bytes_of(bytes[0]);
  if (size == 0) return Error{Errc::not_supported, fmt::format("operation code 0x{:02x}", bytes[0])};
  if (bytes.size() < size)
    return protocol_error(
        fmt::format("CDB: operation code 0x{:02x} has {} bytes, {} received", bytes[0], size, bytes.size()));
  const Reader in{bytes.first(size)};
  auto out = decode_by_opcode(opcode, in);
  // The CONTROL byte is the last one. We do not support auto contingent allegiance (SAM-5 5.2: INVALID FIELD
  // IN CDB).
  if (out && in.bit(size - 1, 2)) return refused(opcode, "NACA is set");
  return out;
}

Sense refusal_of(const Error& error) noexcept {
  return make_sense(SenseKey::illegal_request,
                    error.code == Errc::not_supported ? kInvalidOperationCode : kInvalidFieldInCdb);
}

DataDirection direction_of(const DecodedCdb& cdb) noexcept {
  switch (cdb.operation) {
    case Operation::test_unit_ready:
    case Operation::synchronize_cache: return DataDirection::none;
    case Operation::read_capacity_10: return DataDirection::in;
    case Operation::request_sense:
    case Operation::inquiry:
    case Operation::report_luns:
    case Operation::read_capacity_16:
    case Operation::mode_sense_6:
    case Operation::mode_sense_10: return cdb.allocation_bytes == 0 ? DataDirection::none : DataDirection::in;
    case Operation::read: return cdb.blocks == 0 ? DataDirection::none : DataDirection::in;
    case Operation::write: return cdb.blocks == 0 ? DataDirection::none : DataDirection::out;
    case Operation::write_same: return cdb.no_data_out ? DataDirection::none : DataDirection::out;
    case Operation::unmap: return cdb.allocation_bytes == 0 ? DataDirection::none : DataDirection::out;
  }
  return DataDirection::none;
}

const char* to_string(Operation op) noexcept {
  switch (op) {
    case Operation::test_unit_ready: return "test unit ready";
    case Operation::request_sense: return "request sense";
    case Operation::inquiry: return "inquiry";
    case Operation::report_luns: return "report luns";
    case Operation::read_capacity_10: return "read capacity (10)";
    case Operation::read_capacity_16: return "read capacity (16)";
    case Operation::mode_sense_6: return "mode sense (6)";
    case Operation::mode_sense_10: return "mode sense (10)";
    case Operation::read: return "read";
    case Operation::write: return "write";
    case Operation::synchronize_cache: return "synchronize cache";
    case Operation::write_same: return "write same";
    case Operation::unmap: return "unmap";
  }
  return "unknown operation";
}

const char* to_string(DataDirection direction) noexcept {
  switch (direction) {
    case DataDirection::none: return "none";
    case DataDirection::in: return "in";
    case DataDirection::out: return "out";
  }
  return "unknown direction";
}

}  // namespace srpi::scsi
