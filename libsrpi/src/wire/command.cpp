// SPDX-License-Identifier: Apache-2.0
// Encoding. Every I/O passes here, so the unit is built in place, with one byte swap per field.
#include "wire/command.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "wire/lun.hpp"
#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

constexpr std::size_t kFixedCdbBytes = sizeof(layout::Command::cdb);

std::size_t additional_cdb_bytes(std::size_t cdb_bytes) noexcept {
  return cdb_bytes <= kFixedCdbBytes ? 0 : (cdb_bytes - kFixedCdbBytes + 3) & ~std::size_t{3};
}

std::size_t descriptor_bytes(const DataBuffer& data) noexcept {
  switch (data.format) {
    case DataFormat::none: return 0;
    case DataFormat::direct: return kDescriptorBytes;
    case DataFormat::indirect: return kIndirectHeaderBytes + data.descriptors.size() * kDescriptorBytes;
    case DataFormat::immediate: return sizeof(layout::ImmediateHeader);
  }
  return 0;
}

void put(layout::DirectDescriptor& raw, const DirectDescriptor& d) noexcept {
  raw.address = to_be(d.address);
  raw.key = to_be(d.key);
  raw.bytes = to_be(d.bytes);
}

// Each put() checks that there is room and returns the position after its last byte.
std::byte* put_indirect(std::byte* at, const std::byte* end, const DataBuffer& data) noexcept {
  const auto table_bytes = data.descriptors.size() * kDescriptorBytes;
  SRPI_CHECK(data.descriptors.size() <= kMaxDescriptors);
  SRPI_CHECK(static_cast<std::size_t>(end - at) >= kIndirectHeaderBytes + table_bytes);
  auto& header = *new (at) layout::IndirectHeader;
  auto table = data.table;
  if (table.bytes == 0) table.bytes = static_cast<std::uint32_t>(table_bytes);
  put(header.table, table);
  header.total_bytes = to_be(data.bytes);
  at += kIndirectHeaderBytes;
  for (const auto& d : data.descriptors) {
    put(*new (at) layout::DirectDescriptor, d);
    at += kDescriptorBytes;
  }
  return at;
}

std::byte* put_immediate(std::byte* at, const std::byte* end, const DataBuffer& data) noexcept {
  SRPI_CHECK(static_cast<std::size_t>(end - at) >= sizeof(layout::ImmediateHeader));
  (new (at) layout::ImmediateHeader)->bytes = to_be(data.bytes);
  return at + sizeof(layout::ImmediateHeader);
}

inline std::byte* put(std::byte* at, const std::byte* end, const DataBuffer& data) noexcept {
  if (data.format == DataFormat::none) return at;
  if (data.format == DataFormat::direct) {
    SRPI_CHECK(data.descriptors.size() == 1 && static_cast<std::size_t>(end - at) >= kDescriptorBytes);
    put(*new (at) layout::DirectDescriptor, data.descriptors[0]);
    return at + kDescriptorBytes;
  }
  return data.format == DataFormat::indirect ? put_indirect(at, end, data) : put_immediate(at, end, data);
}

// The part of a CDB after its first 16 bytes, padded to a multiple of 4.
std::byte* put_additional_cdb(std::byte* at, const std::byte* end, std::span<const std::byte> rest) noexcept {
  const auto padded_bytes = additional_cdb_bytes(kFixedCdbBytes + rest.size());
  SRPI_CHECK(static_cast<std::size_t>(end - at) >= padded_bytes);
  std::memcpy(at, rest.data(), rest.size());
  std::memset(at + rest.size(), 0, padded_bytes - rest.size());
  return at + padded_bytes;
}

std::uint8_t count_of(const DataBuffer& data) noexcept {
  return data.format == DataFormat::indirect ? static_cast<std::uint8_t>(data.descriptors.size())
                                             : std::uint8_t{0};
}

}  // namespace

std::size_t encoded_bytes(const Command& command) noexcept {
  if (command.data_out.format == DataFormat::immediate) return command.immediate_data_offset;
  return kCommandBytes + additional_cdb_bytes(command.cdb.size()) + descriptor_bytes(command.data_out) +
         descriptor_bytes(command.data_in);
}

std::size_t encode(const Command& command, std::span<std::byte> out) noexcept {
  const auto cdb = command.cdb;
  SRPI_CHECK(!cdb.empty() && cdb.size() <= kMaxCdbBytes && command.data_in.format != DataFormat::immediate);

  auto& raw = start<layout::Command>(out);
  raw.opcode = static_cast<std::uint8_t>(Opcode::command);
  raw.notify = command.notify;
  raw.formats = static_cast<std::uint8_t>(static_cast<unsigned>(command.data_out.format) << 4 |
                                          static_cast<unsigned>(command.data_in.format));
  raw.data_out_descriptors = count_of(command.data_out);
  raw.data_in_descriptors = count_of(command.data_in);
  raw.tag = to_be(command.tag);
  raw.lun = to_be(command.lun);
  raw.attribute = static_cast<std::uint8_t>(command.attribute);

  auto* at = out.data() + kCommandBytes;
  const auto* const end = out.data() + out.size();
  if (__builtin_expect(cdb.size() == kFixedCdbBytes, 1)) {
    std::memcpy(raw.cdb, cdb.data(), kFixedCdbBytes);  // inlined: the length is a constant
  } else {
    std::memcpy(raw.cdb, cdb.data(), std::min(cdb.size(), kFixedCdbBytes));
    if (cdb.size() > kFixedCdbBytes) {
      at = put_additional_cdb(at, end, cdb.subspan(kFixedCdbBytes));
      raw.additional_cdb_bytes = static_cast<std::uint8_t>(additional_cdb_bytes(cdb.size()));
    }
  }
  at = put(at, end, command.data_out);
  at = put(at, end, command.data_in);

  if (command.data_out.format == DataFormat::immediate) {
    const std::size_t data_offset = command.immediate_data_offset;
    const auto written = static_cast<std::size_t>(at - out.data());
    SRPI_CHECK(written <= data_offset && data_offset <= out.size());
    std::memset(at, 0, data_offset - written);
    return data_offset;
  }
  return static_cast<std::size_t>(at - out.data());
}

const char* to_string(DataFormat format) noexcept {
  switch (format) {
    case DataFormat::none: return "none";
    case DataFormat::direct: return "direct";
    case DataFormat::indirect: return "indirect";
    case DataFormat::immediate: return "immediate";
  }
  return "unknown format";
}

const char* to_string(TaskAttribute attribute) noexcept {
  switch (attribute) {
    case TaskAttribute::simple: return "simple";
    case TaskAttribute::head_of_queue: return "head of queue";
    case TaskAttribute::ordered: return "ordered";
    case TaskAttribute::aca: return "ACA";
  }
  return "unknown attribute";
}

namespace {

template<class Buffer>
std::string buffer_to_string(const char* name, const Buffer& data) {
  if (data.format == DataFormat::none) return {};
  auto text = fmt::format(" {} {} {} bytes", name, to_string(data.format), data.bytes);
  if (data.format == DataFormat::indirect) text += fmt::format(" in {} descriptors", data.descriptors.size());
  return text;
}

template<class AnyCommand>
std::string command_to_string(const AnyCommand& c) {
  std::string cdb;
  for (const auto b : c.cdb) cdb += fmt::format(" {:02x}", static_cast<unsigned>(b));
  return fmt::format("SRP_CMD tag 0x{:016x} LUN {} {} CDB{}{}{}", c.tag, lun_to_string(c.lun),
                     to_string(c.attribute), cdb, buffer_to_string("data-out", c.data_out),
                     buffer_to_string("data-in", c.data_in));
}

}  // namespace

std::string to_string(const Command& command) { return command_to_string(command); }
std::string to_string(const ReceivedCommand& command) { return command_to_string(command); }

}  // namespace srpi::wire
