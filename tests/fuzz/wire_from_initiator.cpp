// SPDX-License-Identifier: Apache-2.0
// Units that a target receives. The first two bytes are the offset of immediate data, the rest is the unit.
#include "wire/async_event.hpp"
#include "wire/command.hpp"
#include "wire/credit.hpp"
#include "wire/logout.hpp"
#include "wire/opcode.hpp"
#include "wire/task_management.hpp"
#include "wire_round_trip.hpp"

using namespace srpi::wire;

namespace {

fuzz::Bytes encoded_again(const ReceivedCommand& received, std::uint16_t immediate_data_offset) {
  std::vector<DirectDescriptor> out, in;
  const auto resend = [](const ReceivedBuffer& data, std::vector<DirectDescriptor>& descriptors) {
    for (const auto d : data.descriptors) descriptors.push_back(d);
    return DataBuffer{data.format, data.bytes, descriptors, data.table};
  };
  Command command;
  command.tag = received.tag;
  command.lun = received.lun;
  command.attribute = received.attribute;
  command.notify = received.notify;
  command.cdb = received.cdb;
  command.immediate_data_offset = immediate_data_offset;
  command.data_out = resend(received.data_out, out);
  command.data_in = resend(received.data_in, in);
  auto unit = fuzz::encoded(command);
  unit.insert(unit.end(), received.data_out.immediate.begin(), received.data_out.immediate.end());
  return unit;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto offset = static_cast<std::uint16_t>(data[0] << 8 | data[1]);
  const auto unit = fuzz::as_unit(data + 2, size - 2);

  fuzz::check_round_trip(
      unit, [&](std::span<const std::byte> u) { return decode_command(u, offset); },
      [&](const ReceivedCommand& c) { return encoded_again(c, offset); });
  const auto encode_any = [](const auto& value) { return fuzz::encoded(value); };
  fuzz::check_round_trip(unit, decode_task_management, encode_any);
  fuzz::check_round_trip(unit, decode_initiator_logout, encode_any);
  fuzz::check_round_trip(unit, decode_credit_response, encode_any);
  fuzz::check_round_trip(unit, decode_async_event_response, encode_any);

  const auto text = describe(unit);
  SRPI_CHECK(!text.empty() && text.size() <= 1000 + 4 * size);
  return 0;
}
