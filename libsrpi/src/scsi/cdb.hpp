// SPDX-License-Identifier: Apache-2.0
// The initiator's command descriptor blocks (SPC-4 chapter 6, SBC-3 chapter 5).
#pragma once

#include <array>
#include <cstdint>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

enum class Opcode : std::uint8_t {
  test_unit_ready = 0x00,
  request_sense = 0x03,
  read_6 = 0x08,
  write_6 = 0x0a,
  inquiry = 0x12,
  mode_sense_6 = 0x1a,
  read_capacity_10 = 0x25,
  read_10 = 0x28,
  write_10 = 0x2a,
  synchronize_cache_10 = 0x35,
  write_same_10 = 0x41,
  unmap = 0x42,
  mode_sense_10 = 0x5a,
  read_16 = 0x88,
  write_16 = 0x8a,
  synchronize_cache_16 = 0x91,
  write_same_16 = 0x93,
  service_action_in_16 = 0x9e,
  report_luns = 0xa0,
  read_12 = 0xa8,
  write_12 = 0xaa,
};
inline constexpr std::uint8_t kServiceActionReadCapacity16 = 0x10;

// "READ(16)", or "unknown command" (the caller prints its number).
[[nodiscard]] const char* to_string(Opcode) noexcept;

// SRP always carries 16 bytes. The CDB is the first `length` of them; the rest is zero.
struct Cdb {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t length = 0;

  [[nodiscard]] constexpr Opcode opcode() const noexcept { return static_cast<Opcode>(bytes[0]); }
  [[nodiscard]] constexpr Bytes span() const noexcept { return {bytes.data(), length}; }
  friend constexpr bool operator==(const Cdb&, const Cdb&) = default;
};

// "READ(16) lba 4096 blocks 8 fua"
[[nodiscard]] std::string to_string(const Cdb&);

struct IoFlags {
  bool fua = false;  // force unit access: the medium, not a volatile cache
  bool dpo = false;  // disable page out: don't keep it in the cache
};

namespace detail {
constexpr Cdb cdb_of(Opcode opcode, std::uint8_t length) noexcept {
  Cdb cdb;
  cdb.bytes[0] = static_cast<std::uint8_t>(opcode);
  cdb.length = length;
  return cdb;
}
// READ, WRITE, SYNCHRONIZE CACHE and WRITE SAME share this layout: LBA at byte 2, number of blocks at 7 or
// 10.
constexpr Cdb cdb_10(Opcode opcode, std::uint8_t flags, std::uint32_t lba, std::uint16_t blocks) noexcept {
  Cdb cdb = cdb_of(opcode, 10);
  cdb.bytes[1] = flags;
  store(&cdb.bytes[2], lba);
  store(&cdb.bytes[7], blocks);
  return cdb;
}
constexpr Cdb cdb_16(Opcode opcode, std::uint8_t flags, std::uint64_t lba, std::uint32_t blocks) noexcept {
  Cdb cdb = cdb_of(opcode, 16);
  cdb.bytes[1] = flags;
  store(&cdb.bytes[2], lba);
  store(&cdb.bytes[10], blocks);
  return cdb;
}
constexpr std::uint8_t bits_of(IoFlags flags) noexcept {
  return static_cast<std::uint8_t>((flags.dpo ? 0x10 : 0) | (flags.fua ? 0x08 : 0));
}
constexpr bool fits_10(std::uint64_t lba, std::uint32_t blocks) noexcept {
  return lba <= 0xffffffffu && blocks <= 0xffffu;
}
}  // namespace detail

[[nodiscard]] constexpr Cdb test_unit_ready() noexcept { return detail::cdb_of(Opcode::test_unit_ready, 6); }

[[nodiscard]] constexpr Cdb request_sense(std::uint8_t allocation_bytes,
                                          bool descriptor_format = false) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::request_sense, 6);
  cdb.bytes[1] = descriptor_format ? 1 : 0;
  cdb.bytes[4] = allocation_bytes;
  return cdb;
}

// For standard data: evpd false, page 0.
[[nodiscard]] constexpr Cdb inquiry(bool evpd, std::uint8_t page, std::uint16_t allocation_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::inquiry, 6);
  cdb.bytes[1] = evpd ? 1 : 0;
  cdb.bytes[2] = page;
  store(&cdb.bytes[3], allocation_bytes);
  return cdb;
}

// SELECT REPORT 0: all logical units except the well-known ones. SPC-4 6.33 demands at least 16 bytes.
[[nodiscard]] constexpr Cdb report_luns(std::uint32_t allocation_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::report_luns, 12);
  store(&cdb.bytes[6], allocation_bytes);
  return cdb;
}

[[nodiscard]] constexpr Cdb read_capacity10() noexcept {
  return detail::cdb_of(Opcode::read_capacity_10, 10);
}

[[nodiscard]] constexpr Cdb read_capacity16(std::uint32_t allocation_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::service_action_in_16, 16);
  cdb.bytes[1] = kServiceActionReadCapacity16;
  store(&cdb.bytes[10], allocation_bytes);
  return cdb;
}

[[nodiscard]] constexpr Cdb read10(std::uint32_t lba, std::uint16_t blocks, IoFlags flags = {}) noexcept {
  return detail::cdb_10(Opcode::read_10, detail::bits_of(flags), lba, blocks);
}
[[nodiscard]] constexpr Cdb read16(std::uint64_t lba, std::uint32_t blocks, IoFlags flags = {}) noexcept {
  return detail::cdb_16(Opcode::read_16, detail::bits_of(flags), lba, blocks);
}
[[nodiscard]] constexpr Cdb write10(std::uint32_t lba, std::uint16_t blocks, IoFlags flags = {}) noexcept {
  return detail::cdb_10(Opcode::write_10, detail::bits_of(flags), lba, blocks);
}
[[nodiscard]] constexpr Cdb write16(std::uint64_t lba, std::uint32_t blocks, IoFlags flags = {}) noexcept {
  return detail::cdb_16(Opcode::write_16, detail::bits_of(flags), lba, blocks);
}

// The 10-byte form, which every block device supports, if LBA and length fit; otherwise the 16-byte form.
[[nodiscard]] constexpr Cdb read_blocks(std::uint64_t lba, std::uint32_t blocks, bool fua = false) noexcept {
  return detail::fits_10(lba, blocks)
             ? read10(static_cast<std::uint32_t>(lba), static_cast<std::uint16_t>(blocks), {.fua = fua})
             : read16(lba, blocks, {.fua = fua});
}
[[nodiscard]] constexpr Cdb write_blocks(std::uint64_t lba, std::uint32_t blocks, bool fua = false) noexcept {
  return detail::fits_10(lba, blocks)
             ? write10(static_cast<std::uint32_t>(lba), static_cast<std::uint16_t>(blocks), {.fua = fua})
             : write16(lba, blocks, {.fua = fua});
}

// 0 blocks: to the end of the medium, so (0, 0) is the whole cache. IMMED is not set, so GOOD means that the
// data is on the medium.
[[nodiscard]] constexpr Cdb synchronize_cache10(std::uint32_t lba = 0, std::uint16_t blocks = 0) noexcept {
  return detail::cdb_10(Opcode::synchronize_cache_10, 0, lba, blocks);
}
[[nodiscard]] constexpr Cdb synchronize_cache16(std::uint64_t lba = 0, std::uint32_t blocks = 0) noexcept {
  return detail::cdb_16(Opcode::synchronize_cache_16, 0, lba, blocks);
}

// Flushes a range that is not empty. A range too long for the field is flushed to the end of the medium.
[[nodiscard]] constexpr Cdb synchronize_blocks(std::uint64_t lba, std::uint64_t blocks) noexcept {
  const auto count = blocks > 0xffffffffu ? 0 : static_cast<std::uint32_t>(blocks);
  return detail::fits_10(lba, count)
             ? synchronize_cache10(static_cast<std::uint32_t>(lba), static_cast<std::uint16_t>(count))
             : synchronize_cache16(lba, count);
}

// Its data-out is the parameter list (scsi/unmap.hpp).
[[nodiscard]] constexpr Cdb unmap(std::uint16_t parameter_list_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::unmap, 10);
  store(&cdb.bytes[7], parameter_list_bytes);
  return cdb;
}

// 0 blocks means "to the end of the medium" unless the block limits page has WSNZ. The caller must make sure
// that it means that. Data-out is one logical block; with `no_data_out` (NDOB, SBC-4) there is none, and
// zeroes are written.
struct WriteSameFlags {
  bool unmap = false;
  bool no_data_out = false;
};
[[nodiscard]] constexpr Cdb write_same10(std::uint32_t lba, std::uint16_t blocks,
                                         bool unmap = false) noexcept {
  return detail::cdb_10(Opcode::write_same_10, unmap ? 0x08 : 0, lba, blocks);
}
[[nodiscard]] constexpr Cdb write_same16(std::uint64_t lba, std::uint32_t blocks,
                                         WriteSameFlags flags = {}) noexcept {
  return detail::cdb_16(Opcode::write_same_16,
                        static_cast<std::uint8_t>((flags.unmap ? 0x08 : 0) | (flags.no_data_out ? 0x01 : 0)),
                        lba, blocks);
}

inline constexpr std::uint8_t kModePageCaching = 0x08;
inline constexpr std::uint8_t kModePageAll = 0x3f;

// Asks for current values without block descriptors (DBD).
[[nodiscard]] constexpr Cdb mode_sense6(std::uint8_t page, std::uint8_t allocation_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::mode_sense_6, 6);
  cdb.bytes[1] = 0x08;
  cdb.bytes[2] = page & 0x3f;
  cdb.bytes[4] = allocation_bytes;
  return cdb;
}
[[nodiscard]] constexpr Cdb mode_sense10(std::uint8_t page, std::uint16_t allocation_bytes) noexcept {
  Cdb cdb = detail::cdb_of(Opcode::mode_sense_10, 10);
  cdb.bytes[1] = 0x08;
  cdb.bytes[2] = page & 0x3f;
  store(&cdb.bytes[7], allocation_bytes);
  return cdb;
}

}  // namespace srpi::scsi
