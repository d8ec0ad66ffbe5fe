// SPDX-License-Identifier: Apache-2.0
// SRP_CMD: a SCSI command and descriptors of its data (SRP r16a; immediate data as in Linux).
//
//   48 bytes | additional CDB | data-out descriptor | data-in descriptor | zeroes up to the immediate data
//   offset | data
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "base/big_endian.hpp"
#include "srpi/error.hpp"
#include "wire/descriptor.hpp"

namespace srpi::wire {

enum class TaskAttribute : std::uint8_t { simple = 0, head_of_queue = 1, ordered = 2, aca = 4 };
[[nodiscard]] const char* to_string(TaskAttribute) noexcept;

namespace layout {

struct Command {
  std::uint8_t opcode = 0;
  std::uint8_t notify = 0;
  std::uint8_t reserved_2[3] = {};
  std::uint8_t formats = 0;               // high nibble data-out, low nibble data-in
  std::uint8_t data_out_descriptors = 0;  // of an indirect buffer: those in the unit
  std::uint8_t data_in_descriptors = 0;
  base::be64 tag;
  std::uint8_t reserved_16[4] = {};
  base::be64 lun;
  std::uint8_t reserved_28 = 0;
  std::uint8_t attribute = 0;
  std::uint8_t reserved_30 = 0;
  std::uint8_t additional_cdb_bytes = 0;  // a multiple of 4; the low two bits are reserved
  std::uint8_t cdb[16] = {};
};
static_assert(sizeof(Command) == 48);
static_assert(offsetof(Command, formats) == 5 && offsetof(Command, data_in_descriptors) == 7);
static_assert(offsetof(Command, tag) == 8 && offsetof(Command, lun) == 20 &&
              offsetof(Command, attribute) == 29);
static_assert(offsetof(Command, additional_cdb_bytes) == 31 && offsetof(Command, cdb) == 32);

}  // namespace layout

inline constexpr std::size_t kCommandBytes = sizeof(layout::Command);
inline constexpr std::size_t kMaxCdbBytes = 16 + 252;
// Linux puts immediate data here: after the command, the longest additional CDB that it sends, and the length
// field.
inline constexpr std::uint16_t kImmediateDataOffset = kCommandBytes + 16 + 4;

// Bits of Command::notify and TaskManagement::notify: when the response shall raise a solicited event.
inline constexpr std::uint8_t kNotifyOnSuccess = 0x02;  // SCSOLNT
inline constexpr std::uint8_t kNotifyOnFailure = 0x04;  // UCSOLNT

// A command to send.
struct Command {
  std::uint64_t tag = 0;
  std::uint64_t lun = 0;  // the 8 wire bytes as a big-endian value, see lun.hpp
  TaskAttribute attribute = TaskAttribute::simple;
  std::uint8_t notify = 0;
  std::uint16_t immediate_data_offset = kImmediateDataOffset;  // agreed at login; for immediate data only
  std::span<const std::byte> cdb;  // 1..268 bytes; a short one is padded with zeroes
  DataBuffer data_out;
  DataBuffer data_in;
};

// Without immediate data, both cover the whole unit. With immediate data, they cover the
// immediate_data_offset bytes before the data; the caller adds data_out.bytes of data by a copy or by a
// second SGE of the same send. Preconditions: the limits stated at the fields above, and
// immediate_data_offset lies after the descriptors.
[[nodiscard]] std::size_t encoded_bytes(const Command&) noexcept;
std::size_t encode(const Command&, std::span<std::byte> out) noexcept;

// A received command. Its spans point into the received bytes.
struct ReceivedCommand {
  std::uint64_t tag = 0;
  std::uint64_t lun = 0;
  TaskAttribute attribute = TaskAttribute::simple;
  std::uint8_t notify = 0;
  std::span<const std::byte> cdb;  // at least 16 bytes
  ReceivedBuffer data_out;
  ReceivedBuffer data_in;
};

// The login agrees on `immediate_data_offset`. With 0, immediate data is an error.
[[nodiscard]] Result<ReceivedCommand> decode_command(std::span<const std::byte> unit,
                                                     std::uint16_t immediate_data_offset = 0);

[[nodiscard]] std::string to_string(const Command&);
[[nodiscard]] std::string to_string(const ReceivedCommand&);

}  // namespace srpi::wire
