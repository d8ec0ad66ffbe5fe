// SPDX-License-Identifier: Apache-2.0
#include "wire/command.hpp"

#include "support.hpp"

using namespace srpi;
using namespace srpi::wire;
using namespace support;

namespace {

const DirectDescriptor kThree[] = {
    {0x0000700000000000, 1, 0x200}, {0x0000700000010000, 2, 0x400}, {0x0000700000020000, 3, 0x600}};
const Bytes kWrite16 = golden::hex("8a 00 0000000000000001 00000006 00 00");

Result<ReceivedCommand> decode_at_68(std::span<const std::byte> unit) { return decode_command(unit, 68); }

Command write_indirect() {
  Command c;
  c.tag = 0x1122334455667788;
  c.lun = 0x4100000000000000;
  c.cdb = kWrite16;
  c.data_out = DataBuffer::indirect(kThree, 0xc00);
  return c;
}

DataBuffer resend(const ReceivedBuffer& data, std::vector<DirectDescriptor>& descriptors) {
  for (const auto d : data.descriptors) descriptors.push_back(d);
  return {data.format, data.bytes, descriptors, data.table};
}

Bytes reencode(const ReceivedCommand& received, std::uint16_t immediate_data_offset) {
  std::vector<DirectDescriptor> out, in;
  Command c;
  c.tag = received.tag;
  c.lun = received.lun;
  c.attribute = received.attribute;
  c.notify = received.notify;
  c.cdb = received.cdb;
  c.immediate_data_offset = immediate_data_offset;
  c.data_out = resend(received.data_out, out);
  c.data_in = resend(received.data_in, in);
  auto bytes = encoded(c);
  bytes.insert(bytes.end(), received.data_out.immediate.begin(), received.data_out.immediate.end());
  return bytes;
}

void set(Bytes& bytes, std::size_t at, std::string_view hex) {
  const auto value = golden::hex(hex);
  std::copy(value.begin(), value.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

TEST_CASE("a read with one descriptor: golden bytes in both directions") {
  const auto cdb = golden::hex("28 00 00000100 00 0008 00");
  const DirectDescriptor one[] = {{0x0000700012345000, 0xdeadbeef, 4096}};
  Command c;
  c.tag = 0x0102030405060708;
  c.lun = 0x0003000000000000;
  c.attribute = TaskAttribute::ordered;
  c.notify = kNotifyOnSuccess | kNotifyOnFailure;
  c.cdb = cdb;
  c.data_in = DataBuffer::direct(one);
  CHECK(encoded(c) == golden::kReadDirect);

  const auto r = decode_command(golden::kReadDirect);
  REQUIRE(r);
  CHECK(r->tag == c.tag);
  CHECK(r->lun == c.lun);
  CHECK(r->attribute == c.attribute);
  CHECK(r->notify == c.notify);
  CHECK(r->cdb.size() == 16);
  CHECK(same_bytes(r->cdb.first(10), cdb));
  CHECK(r->data_out.format == DataFormat::none);
  CHECK(r->data_in.format == DataFormat::direct);
  CHECK(r->data_in.bytes == 4096);
  REQUIRE(r->data_in.descriptors.size() == 1);
  CHECK(r->data_in.descriptors[0] == one[0]);
  CHECK_FALSE(r->data_in.partial_table());
}

TEST_CASE("a write with a whole table: golden bytes in both directions") {
  CHECK(encoded(write_indirect()) == golden::kWriteIndirect);

  const auto r = decode_command(golden::kWriteIndirect);
  REQUIRE(r);
  CHECK(r->data_out.format == DataFormat::indirect);
  CHECK(r->data_out.bytes == 0xc00);
  CHECK(r->data_out.table == DirectDescriptor{0, 0, 48});
  CHECK_FALSE(r->data_out.partial_table());
  REQUIRE(r->data_out.descriptors.size() == 3);
  std::size_t i = 0;
  for (const auto d : r->data_out.descriptors) CHECK(d == kThree[i++]);
}

TEST_CASE("a partial table is encoded, and recognised when decoded") {
  auto c = write_indirect();
  c.data_out = DataBuffer::indirect(std::span(kThree).first(1), 0xc00, {0x0000600000000000, 10, 48});
  CHECK(encoded(c) == golden::kWritePartialTable);

  const auto r = decode_command(golden::kWritePartialTable);
  REQUIRE(r);
  CHECK(r->data_out.partial_table());
  CHECK(r->data_out.descriptors.size() == 1);
  CHECK(r->data_out.table == DirectDescriptor{0x0000600000000000, 10, 48});
}

TEST_CASE("immediate data: encode stops where the data starts, decode includes the data") {
  const auto cdb = golden::hex("2a 00 00000000 00 0001 00");
  Command c;
  c.tag = 0xaa;
  c.cdb = cdb;
  c.data_out = DataBuffer::immediate(8);
  CHECK(encoded_bytes(c) == 68);
  CHECK(encoded(c) + golden::hex("6461746164617461") == golden::kWriteImmediate);

  const auto r = decode_at_68(golden::kWriteImmediate);
  REQUIRE(r);
  CHECK(r->data_out.format == DataFormat::immediate);
  CHECK(r->data_out.bytes == 8);
  CHECK(same_bytes(r->data_out.immediate, golden::hex("6461746164617461")));
}

TEST_CASE("immediate data is a protocol error without the login's consent and inside the command") {
  contains(decode_command(golden::kWriteImmediate).error().detail, "did not agree");
  contains(decode_command(golden::kWriteImmediate, 51).error().detail, "lies within the command");
  CHECK(decode_command(golden::kWriteImmediate, 52).has_value());
  contains(decode_command(golden::kWriteImmediate, 69).error().detail,
           "immediate data of 8 bytes exceeds the 7 bytes left of 76 received");
  contains(decode_command(golden::kWriteImmediate, 0xffff).error().detail, "exceeds the 0 bytes left");
  auto empty = golden::kWriteImmediate;
  set(empty, 48, "00000000");
  CHECK(decode_command(empty, 0xffff).has_error());
  CHECK(decode_command(empty, 76).has_value());
}

TEST_CASE("an additional CDB and both directions: golden bytes in both directions") {
  const auto cdb = golden::hex("7f00000000000018 00092000 00000000 00000000000000000000000000000001");
  const DirectDescriptor out[] = {kThree[0]};
  const DirectDescriptor in[] = {kThree[1]};
  Command c;
  c.tag = 0xbb;
  c.attribute = TaskAttribute::aca;
  c.cdb = cdb;
  c.data_out = DataBuffer::direct(out);
  c.data_in = DataBuffer::direct(in);
  CHECK(encoded(c) == golden::kLongBidirectional);

  const auto r = decode_command(golden::kLongBidirectional);
  REQUIRE(r);
  CHECK(same_bytes(r->cdb, cdb));
  CHECK(r->data_out.descriptors[0] == out[0]);
  CHECK(r->data_in.descriptors[0] == in[0]);
}

TEST_CASE("commands cut at every byte are protocol errors") {
  for (const auto* unit : {&golden::kReadDirect, &golden::kWriteIndirect, &golden::kWritePartialTable,
                           &golden::kWriteImmediate, &golden::kLongBidirectional})
    check_every_cut(*unit, decode_at_68);
  check_wrong_opcodes(golden::kReadDirect, decode_at_68);
}

TEST_CASE("the low two bits of the additional CDB length are reserved") {
  auto unit = golden::kLongBidirectional;
  unit[31] = std::byte{0x13};
  CHECK(decode_command(unit)->cdb.size() == 32);
}

TEST_CASE("unknown data formats are protocol errors") {
  for (unsigned formats = 0; formats < 256; ++formats) {
    auto unit = golden::kReadDirect + Bytes(64);
    unit[5] = static_cast<std::byte>(formats);
    const auto out = formats >> 4;
    const auto in = formats & 15;
    INFO("formats " << formats);
    if (out > 3 || in > 2) CHECK(decode_at_68(unit).has_error());
    if (out <= 1 && in <= 1) CHECK(decode_at_68(unit).has_value());
  }
}

TEST_CASE("descriptor tables with inconsistent lengths are protocol errors") {
  auto more_than_whole = golden::kWriteIndirect;
  set(more_than_whole, 60, "00000020");
  CHECK(decode_command(more_than_whole).error().detail ==
        "SRP_CMD: 3 descriptors in the unit, but only 2 in the whole table");
  auto uneven = golden::kWriteIndirect;
  set(uneven, 60, "00000031");
  CHECK(decode_command(uneven).error().detail ==
        "SRP_CMD: descriptor table of 49 bytes is not a multiple of 16");
  auto beyond = golden::kWriteIndirect;
  beyond[6] = std::byte{4};
  set(beyond, 60, "00000040");
  CHECK(decode_command(beyond).error().detail ==
        "SRP_CMD: descriptor table of 64 bytes exceeds the 48 bytes left of 116 received");
  auto huge = golden::kWriteIndirect;
  set(huge, 60, "fffffff0");
  CHECK(decode_command(huge)->data_out.partial_table());
}

TEST_CASE("decoded CDBs are padded to 16 bytes, longer ones to multiples of 4") {
  base::Random random(2);
  for (std::size_t n = 1; n <= kMaxCdbBytes; ++n) {
    const auto cdb = random_bytes(random, n);
    Command c;
    c.cdb = cdb;
    const auto bytes = encoded(c);
    const auto r = decode_command(bytes);
    REQUIRE(r);
    REQUIRE(r->cdb.size() == std::max<std::size_t>(16, (n + 3) / 4 * 4));
    REQUIRE(same_bytes(r->cdb.first(n), cdb));
    for (const auto b : r->cdb.subspan(n)) REQUIRE(b == std::byte{0});
  }
}

TEST_CASE("decoding and encoding a random command again yields the same bytes") {
  base::Random random(3);
  const auto random_buffer = [&](std::vector<DirectDescriptor>& descriptors, unsigned formats) -> DataBuffer {
    const auto any = [&] {
      return DirectDescriptor{random.next(), static_cast<std::uint32_t>(random.next()),
                              static_cast<std::uint32_t>(random.next())};
    };
    switch (random.below(formats)) {
      case 0: return {};
      case 1:
        descriptors.push_back(any());
        return DataBuffer::direct(std::span<DirectDescriptor, 1>(descriptors));
      case 2: {
        descriptors.resize(1 + random.below(255));
        for (auto& d : descriptors) d = any();
        auto table = any();
        table.bytes = static_cast<std::uint32_t>((descriptors.size() + random.below(3)) * kDescriptorBytes);
        return DataBuffer::indirect(descriptors, static_cast<std::uint32_t>(random.next()), table);
      }
      default: return DataBuffer::immediate(static_cast<std::uint32_t>(random.below(200)));
    }
  };
  for (int i = 0; i < 2000; ++i) {
    std::vector<DirectDescriptor> out, in;
    const auto cdb = random_bytes(random, 16 + 4 * random.below(4));
    Command c;
    c.tag = random.next();
    c.lun = random.next();
    c.attribute = static_cast<TaskAttribute>(random.below(8));
    c.notify = static_cast<std::uint8_t>(random.below(4) << 1);
    c.cdb = cdb;
    c.immediate_data_offset = 5000;
    c.data_out = random_buffer(out, 4);
    c.data_in = random_buffer(in, 3);
    auto unit = encoded(c);
    if (c.data_out.format == DataFormat::immediate) unit = unit + random_bytes(random, c.data_out.bytes);
    const auto r = decode_command(unit, 5000);
    REQUIRE(r);
    REQUIRE(r->tag == c.tag);
    REQUIRE(r->lun == c.lun);
    REQUIRE(same_bytes(r->cdb, cdb));
    REQUIRE(r->data_out.bytes == c.data_out.bytes);
    REQUIRE(r->data_in.bytes == c.data_in.bytes);
    REQUIRE(reencode(*r, 5000) == unit);
  }
}

TEST_CASE("random bytes with a command's opcode never crash the decoder") {
  base::Random random(4);
  for (int i = 0; i < 20000; ++i) {
    auto unit = random_bytes(random, random.below(300));
    if (!unit.empty()) unit[0] = std::byte{2};
    if (unit.size() > 31 && random.chance(3, 4)) unit[31] = std::byte{0};
    (void)decode_command(unit, static_cast<std::uint16_t>(random.below(300)));
  }
}

TEST_CASE("to_string of commands") {
  CHECK(to_string(*decode_command(golden::kReadDirect)) ==
        "SRP_CMD tag 0x0102030405060708 LUN 3 ordered CDB 28 00 00 00 01 00 00 00 08 00 00 00 00 00 00 00"
        " data-in direct 4096 bytes");
  contains(to_string(write_indirect()), "LUN 256 simple CDB 8a 00");
  contains(to_string(write_indirect()), "data-out indirect 3072 bytes in 3 descriptors");
  contains(to_string(*decode_at_68(golden::kWriteImmediate)), "data-out immediate 8 bytes");
  CHECK(std::string(to_string(TaskAttribute::head_of_queue)) == "head of queue");
  CHECK(std::string(to_string(TaskAttribute::aca)) == "ACA");
  CHECK(std::string(to_string(static_cast<TaskAttribute>(3))) == "unknown attribute");
  CHECK(std::string(to_string(DataFormat::none)) == "none");
  CHECK(std::string(to_string(static_cast<DataFormat>(9))) == "unknown format");
}
