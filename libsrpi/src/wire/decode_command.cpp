// SPDX-License-Identifier: Apache-2.0
// The target's side of SRP_CMD. Every length that the initiator states is checked against the received bytes.
#include <fmt/format.h>

#include "wire/command.hpp"
#include "wire/unit.hpp"

namespace srpi::wire {
namespace {

constexpr auto kName = "SRP_CMD";

DirectDescriptor value_of(const layout::DirectDescriptor& raw) { return {raw.address, raw.key, raw.bytes}; }

// Reads the parts of the unit one after the other.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> unit) : unit_(unit) {}

  Result<std::span<const std::byte>> take(std::size_t bytes, const char* what) {
    const auto left = unit_.size() - at_;
    if (bytes > left)
      return malformed(kName, fmt::format("{} of {} bytes exceeds the {} bytes left of {} received", what,
                                          bytes, left, unit_.size()));
    const auto taken = unit_.subspan(at_, bytes);
    at_ += bytes;
    return taken;
  }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  std::span<const std::byte> unit_;
  std::size_t at_ = 0;
};

Result<ReceivedBuffer> read_buffer(Reader& reader, DataFormat format, std::uint8_t count) {
  ReceivedBuffer data;
  data.format = format;
  switch (format) {
    case DataFormat::none: return data;
    case DataFormat::direct: {
      const auto one = reader.take(kDescriptorBytes, "data descriptor");
      if (!one) return one.error();
      data.descriptors = DescriptorView(*one);
      data.bytes = data.descriptors[0].bytes;
      return data;
    }
    case DataFormat::indirect: {
      const auto header = reader.take(kIndirectHeaderBytes, "indirect descriptor");
      if (!header) return header.error();
      const auto& raw = overlay<layout::IndirectHeader>(*header);
      data.table = value_of(raw.table);
      data.bytes = raw.total_bytes;
      const auto in_unit_bytes = count * kDescriptorBytes;
      if (data.table.bytes % kDescriptorBytes != 0)
        return malformed(kName, fmt::format("descriptor table of {} bytes is not a multiple of {}",
                                            data.table.bytes, kDescriptorBytes));
      if (in_unit_bytes > data.table.bytes)
        return malformed(kName, fmt::format("{} descriptors in the unit, but only {} in the whole table",
                                            count, data.table.bytes / kDescriptorBytes));
      const auto table = reader.take(in_unit_bytes, "descriptor table");
      if (!table) return table.error();
      data.descriptors = DescriptorView(*table);
      return data;
    }
    case DataFormat::immediate: {
      const auto header = reader.take(sizeof(layout::ImmediateHeader), "immediate data length");
      if (!header) return header.error();
      data.bytes = overlay<layout::ImmediateHeader>(*header).bytes;
      return data;
    }
  }
  return malformed(kName, fmt::format("unknown data-out format {}", static_cast<unsigned>(format)));
}

Result<std::span<const std::byte>> immediate_data(std::span<const std::byte> unit,
                                                  std::size_t descriptors_end, std::size_t offset,
                                                  std::uint32_t bytes) {
  if (offset == 0) return malformed(kName, "immediate data received, but the login did not agree on it");
  if (offset < descriptors_end)
    return malformed(
        kName, fmt::format("immediate data at offset {} lies within the command, which ends at {}", offset,
                           descriptors_end));
  const auto left = unit.size() > offset ? unit.size() - offset : 0;
  if (bytes > left || unit.size() < offset)
    return malformed(kName, fmt::format("immediate data of {} bytes exceeds the {} bytes left of {} received",
                                        bytes, left, unit.size()));
  return unit.subspan(offset, bytes);
}

}  // namespace

Result<ReceivedCommand> decode_command(std::span<const std::byte> unit, std::uint16_t immediate_data_offset) {
  if (auto error = check_unit(unit, Opcode::command, kCommandBytes)) return *error;
  const auto& raw = overlay<layout::Command>(unit);
  const auto out_format = static_cast<DataFormat>(raw.formats >> 4);
  const auto in_format = static_cast<DataFormat>(raw.formats & 0x0f);
  if (in_format > DataFormat::indirect)
    return malformed(kName, fmt::format("unknown data-in format {}", static_cast<unsigned>(in_format)));

  ReceivedCommand command;
  command.tag = raw.tag;
  command.lun = raw.lun;
  command.attribute = static_cast<TaskAttribute>(raw.attribute & 0x07);
  command.notify = raw.notify & (kNotifyOnSuccess | kNotifyOnFailure);

  Reader reader(unit);
  (void)reader.take(kCommandBytes, "command");
  if (const auto rest = reader.take(raw.additional_cdb_bytes & 0xfcu, "additional CDB"); !rest)
    return rest.error();
  command.cdb = unit.subspan(offsetof(layout::Command, cdb), reader.at() - offsetof(layout::Command, cdb));

  auto data_out = read_buffer(reader, out_format, raw.data_out_descriptors);
  if (!data_out) return data_out.error();
  command.data_out = *data_out;
  auto data_in = read_buffer(reader, in_format, raw.data_in_descriptors);
  if (!data_in) return data_in.error();
  command.data_in = *data_in;

  if (out_format == DataFormat::immediate) {
    auto data = immediate_data(unit, reader.at(), immediate_data_offset, command.data_out.bytes);
    if (!data) return data.error();
    command.data_out.immediate = *data;
  }
  return command;
}

}  // namespace srpi::wire
