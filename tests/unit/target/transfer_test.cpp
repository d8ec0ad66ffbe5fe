// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>

#include "support.hpp"

namespace srpi::target::test {

using scsi::SenseKey;
using wire::DataBuffer;

namespace {

// `n` descriptors of `bytes` each, in reverse order and with gaps in the initiator's data.
std::vector<wire::DirectDescriptor> scattered(const Initiator& i, std::size_t n, std::uint32_t bytes) {
  std::vector<wire::DirectDescriptor> out;
  for (std::size_t k = 0; k < n; ++k) out.push_back(i.piece((n - 1 - k) * (bytes + 32), bytes));
  return out;
}

// The contents of a scattered buffer, in the order of its descriptors.
std::string gathered(const Initiator& i, std::size_t n, std::uint32_t bytes) {
  std::string out;
  for (std::size_t k = 0; k < n; ++k) out += i.text(bytes, (n - 1 - k) * (bytes + 32));
  return out;
}

// Stores a descriptor table in the initiator's memory, from where the target fetches it.
wire::DirectDescriptor table_at(Initiator& i, std::size_t offset,
                                const std::vector<wire::DirectDescriptor>& pieces) {
  auto* at = reinterpret_cast<wire::layout::DirectDescriptor*>(i.data.data() + offset);
  for (const auto& piece : pieces) *at++ = {piece.address, piece.key, piece.bytes};
  return i.piece(offset, static_cast<std::uint32_t>(pieces.size() * wire::kDescriptorBytes));
}

std::string disk_text(Rig& rig, std::size_t bytes) {
  return {reinterpret_cast<const char*>(rig.target->disk_bytes(0).data()), bytes};
}

}  // namespace

TEST_CASE("an indirect table that is complete in the unit") {
  Rig rig;
  Initiator i(rig);
  const std::size_t n = GENERATE(1, 2, 16, 100);
  const auto bytes = static_cast<std::uint32_t>(12800 / n / 4 * 4);
  const auto total = static_cast<std::uint32_t>(n * bytes);
  const auto blocks = static_cast<std::uint16_t>(total / 512);
  const auto pieces = scattered(i, n, bytes);
  i.fill(0, 20000);
  auto write = i.command(scsi::write10(0, blocks));
  write.data_out = DataBuffer::indirect(pieces, total, {.address = 0, .key = 0, .bytes = 0});
  const auto wrote = i.answer_to(i.send(write));
  CHECK(wrote.status() == 0);
  CHECK(disk_text(rig, blocks * 512u) == gathered(i, n, bytes).substr(0, blocks * 512u));
  std::memset(i.data.data(), 0, 20000);
  auto read = i.command(scsi::read10(0, blocks));
  read.data_in = DataBuffer::indirect(pieces, total, {.address = 0, .key = 0, .bytes = 0});
  CHECK(i.answer_to(i.send(read)).status() == 0);
  CHECK(gathered(i, n, bytes).substr(0, blocks * 512u) == disk_text(rig, blocks * 512u));
}

TEST_CASE("a partial table is fetched; it may need more work requests than the send queue has") {
  Rig rig;
  Initiator i(rig);
  const std::size_t n = GENERATE(3, 300, 1024);  // the send queue has 272 slots
  const std::uint32_t bytes = 512;
  const auto pieces = scattered(i, n, bytes);
  const auto table = table_at(i, 1000000, pieces);
  i.fill(0, n * (bytes + 32), 'a');
  const std::string written = gathered(i, n, bytes);
  auto write = i.command(scsi::write10(0, static_cast<std::uint16_t>(n)));
  write.data_out =
      DataBuffer::indirect(std::span(pieces).first(2), static_cast<std::uint32_t>(n * bytes), table);
  CHECK(i.answer_to(i.send(write)).status() == 0);
  CHECK(disk_text(rig, n * bytes) == written);
  std::memset(i.data.data(), 0, n * (bytes + 32));
  auto read = i.command(scsi::read10(0, static_cast<std::uint16_t>(n)));
  read.data_in =
      DataBuffer::indirect(std::span(pieces).first(1), static_cast<std::uint32_t>(n * bytes), table);
  CHECK(i.answer_to(i.send(read)).status() == 0);
  CHECK(gathered(i, n, bytes) == written);
  CHECK(rig.target->channels()[0].commands == 0);
}

TEST_CASE("many large commands share the send queue") {
  Rig rig;
  Initiator i(rig);
  const std::size_t n = 200;
  const auto pieces = scattered(i, n, 512);
  const auto table = table_at(i, 1000000, pieces);
  std::memset(rig.target->disk_bytes(0).data(), 'z', 1 << 20);
  std::vector<std::uint64_t> tags;
  for (int k = 0; k < 8; ++k) {
    const bool write = k % 3 == 2;
    auto command = i.command(write ? scsi::write10(1000, n) : scsi::read10(0, n));
    (write ? command.data_out : command.data_in) =
        DataBuffer::indirect(std::span(pieces).first(100), n * 512, table);
    tags.push_back(i.send(command));
  }
  std::vector<std::uint64_t> answered;
  while (const auto answer = i.next()) {
    CHECK(answer->status() == 0);
    answered.push_back(answer->response().tag);
  }
  std::sort(answered.begin(), answered.end());
  CHECK(answered == tags);
  CHECK(i.credits == 8);
}

TEST_CASE("impossible descriptor tables are refused") {
  Rig rig;
  Initiator i(rig);
  const auto pieces = scattered(i, 4, 512);
  auto read = i.command(scsi::read10(0, 4));
  auto table = table_at(i, 4096, pieces);
  SECTION("not a whole number of descriptors") {
    table.bytes += 1;
    read.data_in = DataBuffer::indirect(std::span(pieces).first(2), 2048, table);
  }
  SECTION("longer than the limit") {
    table.bytes = 1025 * 16;
    read.data_in = DataBuffer::indirect(std::span(pieces).first(2), 2048, table);
  }
  SECTION("descriptors with less than the stated length") {
    read.data_in = DataBuffer::indirect(std::span(pieces).first(3), 2048);
  }
  SECTION("fetched descriptors with less than the stated length") {
    read.data_in = DataBuffer::indirect(std::span(pieces).first(2), 2049, table);
    read.cdb = i.command(scsi::read10(0, 5)).cdb;
  }
  const auto tag = i.send(read);
  const auto answer = i.next();
  REQUIRE(answer);
  if (answer->opcode() ==
      wire::Opcode::response) {  // otherwise the unit is malformed, and SRP_T_LOGOUT comes
    CHECK(answer->response().tag == tag);
    CHECK(answer->is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
    CHECK(i.run(scsi::test_unit_ready()).status() == 0);
  } else {
    CHECK(answer->opcode() == wire::Opcode::target_logout);
  }
}

TEST_CASE("a wrong key ends the connection, but not the target") {
  Rig rig;
  Initiator i(rig);
  auto piece = i.piece(0, 512);
  piece.key ^= 0x10000;
  const wire::DirectDescriptor one[] = {piece};
  const bool write = GENERATE(false, true);
  auto command = i.command(write ? scsi::write10(0, 1) : scsi::read10(0, 1));
  (write ? command.data_out : command.data_in) = DataBuffer::direct(one);
  i.send(command);
  CHECK(i.lost());
  CHECK(rig.target->channels().empty());
  CHECK(rig.target->counters().lost_channels == 1);
  Initiator again(rig);
  CHECK(again.run(scsi::read10(0, 1), 512).status() == 0);
}

TEST_CASE("immediate data") {
  Rig rig;
  Initiator i(rig, {.immediate_data = true, .iu_bytes = 8000});
  std::vector<std::byte> data(1024);
  for (std::size_t k = 0; k < data.size(); ++k) data[k] = static_cast<std::byte>(k * 7);
  auto write = i.command(scsi::write10(3, 2));
  write.data_out = DataBuffer::immediate(1024);
  const auto answer = i.answer_to(i.send(write, data));
  CHECK(answer.status() == 0);
  CHECK(answer.response().flags == 0);
  CHECK(std::memcmp(rig.target->disk_bytes(0).data() + 3 * 512, data.data(), 1024) == 0);
}

TEST_CASE("immediate data without the login's consent is a violation") {
  Rig rig;
  Initiator i(rig);
  auto write = i.command(scsi::write10(3, 1));
  write.data_out = DataBuffer::immediate(512);
  i.send(write, std::vector<std::byte>(512));
  CHECK(i.next()->opcode() == wire::Opcode::target_logout);
  CHECK(i.lost());
}

TEST_CASE("residuals of data-in: buffer exact, too large, too small") {
  Rig rig;
  Initiator i(rig);
  std::memset(rig.target->disk_bytes(0).data(), 'q', 4096);
  auto exact = i.run(scsi::read10(0, 2), 1024).response();
  CHECK(exact.flags == 0);
  auto under = i.run(scsi::read10(0, 2), 4096);
  CHECK(under.status() == 0);
  CHECK(under.response().flags == wire::kDataInUnder);
  CHECK(under.response().data_in_residual_bytes == 3072);
  std::memset(i.data.data(), 0, 4096);
  auto over = i.run(scsi::read10(0, 8), 1000);
  CHECK(over.status() == 0);
  CHECK(over.response().flags == wire::kDataInOver);
  CHECK(over.response().data_in_residual_bytes == 4096 - 1000);
  CHECK(i.text(1, 999) == "q");
  CHECK(i.text(1, 1000) == std::string_view("\0", 1));
  // The allocation length cuts the data. That is not an overflow.
  auto cut = i.run(scsi::inquiry(false, 0, 10), 36).response();
  CHECK(cut.flags == wire::kDataInUnder);
  CHECK(cut.data_in_residual_bytes == 26);
  auto none = i.run(scsi::test_unit_ready(), 100).response();
  CHECK(none.data_in_residual_if_under() == 100);
  auto nowhere = i.run(scsi::read10(0, 1)).response();
  CHECK(nowhere.data_in_residual_if_over() == 512);
  auto refused = i.run(scsi::read10(0xfffffff0, 1), 512);
  CHECK(refused.response().data_in_residual_if_under() == 512);
}

TEST_CASE("residuals of data-out: too small a buffer writes nothing, the rest of a large one is unused") {
  Rig rig;
  Initiator i(rig);
  i.fill(0, 2048);
  const auto over = i.run(scsi::write10(0, 4), 0, 1024);
  CHECK(over.is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
  CHECK(over.response().data_out_residual_if_over() == 1024);
  CHECK(rig.target->disk_bytes(0)[0] == std::byte{0});
  const auto under = i.run(scsi::write10(0, 1), 0, 1024);
  CHECK(under.status() == 0);
  CHECK(under.response().data_out_residual_if_under() == 512);
  CHECK(rig.target->disk_bytes(0)[511] != std::byte{0});
  CHECK(rig.target->disk_bytes(0)[512] == std::byte{0});
  CHECK(i.run(scsi::write10(0, 1)).response().data_out_residual_if_over() == 512);
}

TEST_CASE("a command with data in both directions is refused") {
  Rig rig;
  Initiator i(rig);
  CHECK(i.run(scsi::read10(0, 1), 512, 512).is(SenseKey::illegal_request, scsi::kInvalidFieldInCdb));
}

}  // namespace srpi::target::test
