// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"
#include "wire/logout.hpp"

namespace srpi::target::test {

using wire::RejectReason;

namespace {
std::array<std::byte, 56> compact(const wire::LoginRequest& request) {
  std::array<std::byte, 56> bytes;
  wire::encode_compact(request, bytes);
  return bytes;
}
RejectReason reason_for(Rig& rig, const wire::LoginRequest& request) {
  Initiator i(rig, compact(request));
  REQUIRE(i.event);
  REQUIRE(i.event->kind == fabric::ConnectionEvent::Kind::rejected);
  REQUIRE(i.event->consumer);
  return i.reject_reason();
}
}  // namespace

TEST_CASE("both forms of login get a response with the agreed values") {
  Rig rig;
  const bool short_form = GENERATE(true, false);
  Initiator i(rig, {.immediate_data = true, .iu_bytes = 1000, .compact = short_form});
  REQUIRE(i.logged_in());
  CHECK(i.login.tag == 0x4c4f47494e);
  CHECK(i.login.request_limit == 8);
  CHECK(i.login.max_it_iu_bytes == 8276);
  CHECK(i.login.max_ti_iu_bytes == 1000);
  CHECK(i.login.direct_descriptors);
  CHECK(i.login.indirect_descriptors);
  CHECK(i.login.immediate_data);
  CHECK(i.login.multichannel == wire::MultiChannelResult::none_existed);
  REQUIRE(rig.target->channels().size() == 1);
  CHECK(rig.target->channels()[0].initiator == initiator_port());
  CHECK(rig.target->channels()[0].established);
  CHECK(rig.target->counters().logins == 1);
}

TEST_CASE("immediate data is granted only if requested, permitted and after the command") {
  auto config = small_config();
  auto request = login_request({.immediate_data = true});
  SECTION("not permitted") { config.immediate_data = false; }
  SECTION("offset inside the command") { request.immediate_data_offset = 47; }
  SECTION("offset beyond the longest unit") { request.immediate_data_offset = 8276; }
  SECTION("not requested") { request.immediate_data = false; }
  Rig rig(config);
  Initiator i(rig, compact(request));
  REQUIRE(i.logged_in());
  CHECK_FALSE(wire::decode_login_response(i.event->private_data).value().immediate_data);
}

TEST_CASE("the reasons to reject a login") {
  auto config = small_config();
  auto request = login_request({});
  SECTION("another target") {
    request.target_port_id = PortId::make(1, 2);
    Rig rig(config);
    CHECK(reason_for(rig, request) == RejectReason::cannot_associate);
    CHECK(rig.target->counters().rejects == 1);
    CHECK(rig.target->channels().empty());
  }
  SECTION("units too long or too short") {
    Rig rig(config);
    request.requested_it_iu_bytes = 8277;
    CHECK(reason_for(rig, request) == RejectReason::request_iu_too_large);
    request.requested_it_iu_bytes = 63;
    CHECK(reason_for(rig, request) == RejectReason::request_iu_too_large);
    request.requested_it_iu_bytes = 64;
    CHECK(Initiator(rig, compact(request)).logged_in());
  }
  SECTION("no descriptor format") {
    request.direct_descriptors = request.indirect_descriptors = false;
    Rig rig(config);
    CHECK(reason_for(rig, request) == RejectReason::unsupported_descriptor_format);
  }
  SECTION("no access") {
    config.acl = {initiator_port(7)};
    Rig rig(config);
    CHECK(reason_for(rig, request) == RejectReason::channel_limit_reached);
    request.initiator_port_id = initiator_port(7);
    CHECK(Initiator(rig, compact(request)).logged_in());
  }
  SECTION("reject_logins") {
    Rig rig(config);
    for (std::uint32_t reason = 0x00010000; reason <= 0x00010006; ++reason) {
      rig.target->reject_logins(static_cast<RejectReason>(reason));
      CHECK(reason_for(rig, request) == static_cast<RejectReason>(reason));
    }
    rig.target->reject_logins(std::nullopt);
    CHECK(Initiator(rig, compact(request)).logged_in());
  }
}

TEST_CASE("the reasons to reject a further channel or session") {
  auto config = small_config();
  auto request = login_request({});
  SECTION("a second channel without multi_channel") {
    config.multi_channel = false;
    Rig rig(config);
    Initiator first(rig);
    request.multichannel = wire::MultiChannel::independent;
    CHECK(reason_for(rig, request) == RejectReason::multichannel_unsupported);
    CHECK_FALSE(first.lost());
  }
  SECTION("a reserved multi-channel action") {
    request.multichannel = static_cast<wire::MultiChannel>(2);
    Rig rig(config);
    CHECK(reason_for(rig, request) == RejectReason::multichannel_unsupported);
  }
  SECTION("too many channels") {
    config.max_channels = 2;
    Rig rig(config);
    request.multichannel = wire::MultiChannel::independent;
    Initiator first(rig), second(rig, compact(request));
    CHECK(second.logged_in());
    CHECK(reason_for(rig, request) == RejectReason::channel_limit_reached);
  }
  SECTION("too many channels with channels_are_sessions") {
    config.max_channels = 2;
    config.channels_are_sessions = true;
    Rig rig(config);
    request.multichannel = wire::MultiChannel::independent;
    Initiator first(rig), second(rig, compact(request));
    CHECK(second.logged_in());
    CHECK(reason_for(rig, request) == RejectReason::channel_limit_reached);
  }
  SECTION("reject_further_channels") {
    Rig rig(config);
    rig.target->reject_further_channels(RejectReason::insufficient_resources);
    Initiator first(rig);
    CHECK(first.logged_in());
    request.multichannel = wire::MultiChannel::independent;
    CHECK(reason_for(rig, request) == RejectReason::insufficient_resources);
    CHECK_FALSE(first.lost());
    rig.target->reject_further_channels(std::nullopt);
    CHECK(Initiator(rig, compact(request)).logged_in());
  }
  SECTION("too many sessions") {
    config.max_sessions = 1;
    Rig rig(config);
    {
      Initiator first(rig);
      request.initiator_port_id = initiator_port(2);
      CHECK(reason_for(rig, request) == RejectReason::insufficient_resources);
    }
    rig.pump();
    CHECK(Initiator(rig, compact(request)).logged_in());
  }
}

TEST_CASE("a login that is cut at any byte or has one wrong byte does no harm") {
  Rig rig;
  const auto whole = compact(login_request({}));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Initiator i(rig, std::span(whole).first(n));  // the fabric pads it with zeroes
    REQUIRE(i.event);
  }
  for (std::size_t n = 0; n < whole.size(); ++n) {
    auto changed = whole;
    changed[n] ^= std::byte{0xff};
    Initiator i(rig, changed);
    REQUIRE(i.event);
    if (n == 11) CHECK(i.reject_reason() == RejectReason::unable_to_establish);
  }
}

TEST_CASE("a single-channel login ends the session's other channels and reports that") {
  Rig rig;
  Initiator first(rig);
  Initiator second(rig, {.multichannel = wire::MultiChannel::independent});
  CHECK(second.login.multichannel == wire::MultiChannelResult::maintained);
  Initiator other(rig, {.initiator = initiator_port(2)});
  CHECK(rig.target->channels().size() == 3);
  Initiator third(rig);
  CHECK(third.login.multichannel == wire::MultiChannelResult::terminated);
  for (Initiator* old : {&first, &second}) {
    const auto last = old->next();
    REQUIRE(last);
    REQUIRE(last->opcode() == wire::Opcode::target_logout);
    CHECK(wire::decode_target_logout(last->unit).value().reason == wire::LogoutReason::multichannel_action);
    CHECK(old->lost());
  }
  CHECK_FALSE(other.lost());
  CHECK_FALSE(third.lost());
  CHECK(rig.target->channels().size() == 2);
}

TEST_CASE("independent channels share a session") {
  auto config = small_config();
  config.login_attention = scsi::kReportedLunsDataChanged;
  Rig rig(config);
  Initiator first(rig);
  Initiator second(rig, {.multichannel = wire::MultiChannel::independent});
  CHECK(
      first.run(scsi::test_unit_ready()).is(scsi::SenseKey::unit_attention, scsi::kReportedLunsDataChanged));
  CHECK(second.run(scsi::test_unit_ready()).status() == 0);
  // The other unit has its own unit attentions.
  CHECK(second.run(scsi::test_unit_ready(), 0, 0, 1)
            .is(scsi::SenseKey::unit_attention, scsi::kReportedLunsDataChanged));
  CHECK(first.run(scsi::test_unit_ready(), 0, 0, 1).status() == 0);
}

TEST_CASE("the login response hook can change the response") {
  Rig rig;
  rig.target->set_login_response_hook([](wire::LoginResponse& response) { response.request_limit = -1; });
  Initiator i(rig);
  CHECK(i.login.request_limit == -1);
}

TEST_CASE("going offline ends all connections and refuses logins; the disk keeps its data") {
  Rig rig;
  Initiator before(rig);
  before.fill(0, 512);
  CHECK(before.run(scsi::write10(5, 1), 0, 512).status() == 0);
  rig.target->set_online(false);
  CHECK(before.lost());
  CHECK(rig.target->channels().empty());
  const auto request = compact(login_request({}));
  Initiator during(rig, request);
  REQUIRE(during.event);
  CHECK(during.event->kind == fabric::ConnectionEvent::Kind::rejected);
  CHECK_FALSE(during.event->consumer);
  CHECK(during.event->error.code == Errc::refused);
  rig.target->set_online(true);
  Initiator after(rig);
  REQUIRE(after.logged_in());
  CHECK(after.run(scsi::read10(5, 1), 512).status() == 0);
  CHECK(after.text(512) == before.text(512));
}

TEST_CASE("an invalid configuration is refused") {
  auto config = small_config();
  SECTION("no credits") { config.request_limit = 0; }
  SECTION("units without room for a command") { config.max_iu_bytes = 63; }
  SECTION("no disk") { config.luns[0].bytes = 0; }
  SECTION("half a block") { config.luns[0].bytes = 513; }
  SECTION("a block size that is not a power of two") { config.luns[0].block_size = 520; }
  SECTION("too large a disk") { config.luns[0].bytes = std::uint64_t{1} << 50; }
  SECTION("too high a LUN") { config.luns[0].number = kMostLun + 1; }
  const auto target = RamTarget::create(config);
  REQUIRE(target.has_error());
  CHECK(target.error().code == Errc::invalid_argument);
  CHECK_FALSE(target.error().detail.empty());
}

TEST_CASE("two units at one LUN are refused") {
  auto config = small_config();
  config.luns[1].number = 0;
  CHECK(RamTarget::create(config).error().code == Errc::already_exists);
}

}  // namespace srpi::target::test
