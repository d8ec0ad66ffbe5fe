// SPDX-License-Identifier: Apache-2.0
// Units that no initiator should send, and units that a target may send unasked.
#include <catch2/catch.hpp>

#include "support.hpp"
#include "wire/logout.hpp"

namespace srpi::target::test {

namespace {

std::optional<wire::LogoutReason> logout_reason(Initiator& i) {
  while (auto unit = i.next())
    if (unit->opcode() == wire::Opcode::target_logout)
      return wire::decode_target_logout(unit->unit).value().reason;
  return std::nullopt;
}

std::vector<std::byte> encoded(const wire::Command& command) {
  std::vector<std::byte> bytes(wire::encoded_bytes(command));
  wire::encode(command, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a command cut at any byte is answered or ends the connection with a reason") {
  Rig rig;
  std::vector<std::byte> whole;
  {
    Initiator i(rig);
    const std::vector<wire::DirectDescriptor> pieces(20, i.piece(0, 512));
    auto command = i.command(scsi::read10(0, 20));
    command.tag = 1;
    command.data_in = wire::DataBuffer::indirect(pieces, 20 * 512);
    whole = encoded(command);
  }
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Initiator i(rig);
    i.send(std::span(whole).first(n));
    CHECK(logout_reason(i) == wire::LogoutReason::invalid_unit_length);
    CHECK(i.lost());
  }
  CHECK(rig.target->counters().violations == whole.size());
}

TEST_CASE("a command with one wrong byte does not harm the target") {
  Rig rig;
  std::vector<std::byte> whole;
  auto i = std::make_unique<Initiator>(rig, LoginOptions{.immediate_data = true, .iu_bytes = 2048});
  const auto rebuild = [&] {
    const std::vector<wire::DirectDescriptor> pieces(3, i->piece(0, 512));
    auto command = i->command(scsi::read10(0, 3));
    command.tag = 1;
    command.data_in = wire::DataBuffer::indirect(pieces, 3 * 512);
    whole = encoded(command);
  };
  rebuild();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    for (const unsigned flip : {0x01u, 0x10u, 0x80u, 0xffu}) {
      auto changed = whole;
      changed[n] ^= static_cast<std::byte>(flip);
      i->send(changed);
      while (i->next()) {
      }
      if (i->lost() || rig.target->channels().at(0).commands != 0) {
        i = std::make_unique<Initiator>(rig, LoginOptions{.immediate_data = true, .iu_bytes = 2048});
        rebuild();
      }
    }
  }
  CHECK(Initiator(rig).run(scsi::test_unit_ready()).status() == 0);
}

TEST_CASE("other units of an initiator cut at any byte") {
  Rig rig;
  std::array<std::byte, 64> bytes{};
  const int kind = GENERATE(0, 1, 2, 3);
  std::size_t n = 0;
  if (kind == 0) n = wire::encode(wire::TaskManagement{}, bytes);
  if (kind == 1) n = wire::encode(wire::CreditResponse{}, bytes);
  if (kind == 2) n = wire::encode(wire::AsyncEventResponse{}, bytes);
  if (kind == 3) n = wire::encode(wire::InitiatorLogout{}, bytes);
  for (std::size_t cut = 0; cut < n; ++cut) {
    Initiator i(rig);
    i.send(std::span(bytes).first(cut));
    CHECK(logout_reason(i) == wire::LogoutReason::invalid_unit_length);
    CHECK(i.lost());
  }
}

TEST_CASE("operation codes that initiators do not send") {
  Rig rig;
  for (unsigned op = 0; op < 256; ++op) {
    if (op == 1 || op == 2 || op == 3 || op == 0x41 || op == 0x42) continue;
    Initiator i(rig);
    std::array<std::byte, 64> unit{static_cast<std::byte>(op)};
    i.send(unit);
    CHECK(logout_reason(i) == wire::LogoutReason::invalid_unit_type);
    CHECK(i.lost());
  }
}

TEST_CASE("unknown descriptor formats") {
  Rig rig;
  const unsigned nibble = GENERATE(3u, 4u, 15u);
  const bool out = GENERATE(true, false);
  Initiator i(rig);
  auto unit = encoded(i.command(scsi::test_unit_ready()));
  unit.resize(200);
  unit[5] = static_cast<std::byte>(out ? nibble << 4 : nibble);
  i.send(unit);
  CHECK(logout_reason(i) == (out ? wire::LogoutReason::unsupported_data_out_format
                                 : wire::LogoutReason::unsupported_data_in_format));
}

TEST_CASE("a unit longer than agreed at login ends the connection") {
  Rig rig;
  Initiator i(rig);
  i.send(std::vector<std::byte>(8277));
  CHECK(i.lost());
  CHECK(rig.target->channels().empty());
}

TEST_CASE("more requests than credits are a violation") {
  Rig rig;
  Initiator i(rig);
  rig.target->set_command_hook([](const CommandInfo&) { return Outcome::of(Outcome::Kind::hold); });
  for (int n = 0; n < 8; ++n) i.send(i.command(scsi::test_unit_ready()));
  CHECK_FALSE(i.next());
  CHECK(i.credits == 0);
  i.send(wire::TaskFunction::lun_reset, 0);
  CHECK(logout_reason(i) == wire::LogoutReason::none);
  CHECK(rig.target->counters().violations == 1);
}

TEST_CASE("SRP_I_LOGOUT ends the connection") {
  Rig rig;
  Initiator i(rig);
  std::array<std::byte, 16> unit;
  wire::encode(wire::InitiatorLogout{.tag = 5}, unit);
  i.send(unit);
  CHECK(i.lost());
  CHECK(rig.target->channels().empty());
}

TEST_CASE("SRP_CRED_REQ and SRP_AER_REQ: one at a time, the next after the answer") {
  Rig rig;
  Initiator i(rig);
  CHECK(rig.target->send_credit_request(-3) == 1);
  CHECK(rig.target->send_async_event(
            1, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged)) == 1);
  auto unit = i.next();
  REQUIRE(unit);
  const auto credit = wire::decode_credit_request(unit->unit).value();
  CHECK(credit.request_limit_delta == -3);
  CHECK_FALSE(i.next());
  std::array<std::byte, 16> answer;
  wire::encode(wire::CreditResponse{.tag = credit.tag}, answer);
  i.send(answer);
  unit = i.next();
  REQUIRE(unit);
  const auto event = wire::decode_async_event_request(unit->unit).value();
  CHECK(event.lun == wire::lun_from_number(1));
  CHECK(event.tag != credit.tag);
  CHECK(scsi::decode_sense({reinterpret_cast<const std::uint8_t*>(event.sense.data()), event.sense.size()})
            .value()
            .additional == scsi::kCapacityChanged);
  wire::encode(wire::AsyncEventResponse{.tag = event.tag}, answer);
  i.send(answer);
  CHECK_FALSE(i.next());
  CHECK(rig.target->counters().target_answers == 2);
  CHECK(i.run(scsi::test_unit_ready()).status() == 0);
}

TEST_CASE("an answer without a request, with a wrong tag or of the wrong kind is a violation") {
  Rig rig;
  Initiator i(rig);
  std::array<std::byte, 16> answer;
  const int kind = GENERATE(0, 1, 2);
  if (kind == 0) {
    wire::encode(wire::CreditResponse{.tag = 1}, answer);
  } else {
    rig.target->send_credit_request(1);
    const auto tag = wire::decode_credit_request(i.next()->unit).value().tag;
    if (kind == 1) wire::encode(wire::CreditResponse{.tag = tag + 1}, answer);
    if (kind == 2) wire::encode(wire::AsyncEventResponse{.tag = tag}, answer);
  }
  i.send(answer);
  CHECK(logout_reason(i) == wire::LogoutReason::unexpected_initiator_response);
}

TEST_CASE("send_logout sends SRP_T_LOGOUT and ends the connection") {
  Rig rig;
  Initiator i(rig);
  Initiator other(rig, {.initiator = initiator_port(2)});
  CHECK(rig.target->send_logout(wire::LogoutReason::inactive, rig.target->channels()[0].number) == 1);
  CHECK(logout_reason(i) == wire::LogoutReason::inactive);
  CHECK(i.lost());
  CHECK_FALSE(other.lost());
}

TEST_CASE("send_raw sends any bytes") {
  Rig rig;
  Initiator i(rig);
  const std::vector<std::byte> unit(77, std::byte{0xee});
  CHECK(rig.target->send_raw(unit) == 1);
  CHECK(i.next()->unit == unit);
  CHECK(rig.target->send_raw({}) == 1);
  CHECK(i.next()->unit.empty());
}

}  // namespace srpi::target::test
