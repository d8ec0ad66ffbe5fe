// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"

namespace srpi::target::test {

namespace {
struct Writing : Rig {
  Initiator i{*this};
  std::uint64_t write(Initiator& who, std::uint32_t lba, char first) {
    who.fill(0, 512, first);
    const auto tag = who.start(scsi::write10(lba, 1), 0, 512);
    pump();
    return tag;
  }
  char on_disk(std::uint32_t lba) { return static_cast<char>(target->disk_bytes(0)[lba * 512]); }
};
}  // namespace

TEST_CASE("the hook sees every command and may leave it unchanged") {
  Writing f;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> seen;
  f.target->set_command_hook([&](const CommandInfo& info) {
    seen.emplace_back(info.sequence, info.tag);
    CHECK(info.initiator == initiator_port());
    CHECK(info.cdb.size() >= 16);
    return Outcome{};
  });
  CHECK(f.i.run(scsi::test_unit_ready()).status() == 0);
  CHECK(f.i.run(scsi::read10(0, 1), 4096, 0, 1).status() == 0);
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].first == 1);
  CHECK(seen[1].first == 2);
}

TEST_CASE("the hook can choose status and sense data") {
  Writing f;
  f.target->set_command_hook([](const CommandInfo& info) {
    return info.sequence == 1
               ? Outcome::with_status(scsi::Status::busy)
               : Outcome::check_condition(scsi::SenseKey::medium_error, scsi::kUnrecoveredReadError);
  });
  const auto busy = f.i.run(scsi::read10(0, 1), 512);
  CHECK(busy.status() == 8);
  CHECK(busy.response().data_in_residual_if_under() == 512);
  CHECK(f.i.run(scsi::read10(0, 1), 512).is(scsi::SenseKey::medium_error, scsi::kUnrecoveredReadError));
}

TEST_CASE("a lost command is not executed, a command with a lost response is") {
  Writing f;
  const bool response = GENERATE(false, true);
  f.target->set_command_hook([&](const CommandInfo&) {
    return Outcome::of(response ? Outcome::Kind::lose_response : Outcome::Kind::lose_command);
  });
  f.write(f.i, 0, 'A');
  CHECK_FALSE(f.i.next());
  CHECK(f.on_disk(0) == (response ? 'A' : '\0'));
  f.target->set_command_hook({});
  CHECK(f.i.run(scsi::test_unit_ready()).status() == 0);
  CHECK(f.i.credits == 7);
}

TEST_CASE("held commands continue in the order of their arrival") {
  Writing f;
  f.target->set_command_hook([](const CommandInfo&) { return Outcome::of(Outcome::Kind::hold); });
  const auto first = f.i.send(f.i.command(scsi::test_unit_ready()));
  const auto second = f.i.send(f.i.command(scsi::test_unit_ready(), 1));
  CHECK_FALSE(f.i.next());
  CHECK(f.target->held() == 2);
  CHECK(f.target->release_held(1) == 1);
  CHECK(f.i.answer_to(first).status() == 0);
  CHECK_FALSE(f.i.next());
  CHECK(f.target->release_held() == 1);
  CHECK(f.i.answer_to(second).status() == 0);
}

TEST_CASE("the hook can choose the bytes of the answer") {
  Writing f;
  f.target->set_command_hook([](const CommandInfo& info) {
    wire::Response response;
    response.tag = info.tag + 1;
    response.request_limit_delta = 1000;
    std::vector<std::byte> unit(wire::encoded_bytes(response));
    wire::encode(response, unit);
    return Outcome::answer_with(std::move(unit));
  });
  const auto tag = f.i.send(f.i.command(scsi::test_unit_ready()));
  const auto answer = f.i.next();
  REQUIRE(answer);
  CHECK(answer->response().tag == tag + 1);
  CHECK(answer->response().request_limit_delta == 1000);
}

TEST_CASE("hold_medium: the write is applied and answered on release") {
  Writing f;
  f.target->set_command_hook([](const CommandInfo&) { return Outcome::of(Outcome::Kind::hold_medium); });
  const auto tag = f.write(f.i, 3, 'G');
  f.i.fill(0, 512, 'X');  // the target has fetched the data already
  CHECK_FALSE(f.i.next());
  CHECK(f.on_disk(3) == '\0');
  CHECK(f.target->held() == 1);
  CHECK(f.target->release_held() == 1);
  CHECK(f.on_disk(3) == 'G');
  CHECK(f.i.answer_to(tag).status() == 0);
  CHECK(f.i.credits == 8);
}

TEST_CASE("hold_medium: the write outlives its connection unless it is fenced") {
  Writing f;
  f.target->set_command_hook([](const CommandInfo&) { return Outcome::of(Outcome::Kind::hold_medium); });
  const auto tag = f.write(f.i, 3, 'G');
  CHECK_FALSE(f.i.next());
  f.target->set_command_hook({});
  const int fence = GENERATE(0, 1, 2, 3);
  if (fence != 3) {
    f.i.endpoint->abort();
    f.pump();
  }
  CHECK(f.target->held() == 1);
  const bool same_port = fence == 1;
  Initiator next(f, {.initiator = initiator_port(same_port ? 1 : 2)});
  if (fence == 2) {
    const auto reset = next.send(wire::TaskFunction::lun_reset, 0);
    CHECK(next.answer_to(reset).response().task_result() == wire::TaskResult::complete);
    CHECK(next.run(scsi::test_unit_ready()).status() == 2);
  }
  if (fence == 3) {
    const auto abort = f.i.send(wire::TaskFunction::abort_task, 0, tag);
    CHECK(f.i.answer_to(abort).response().task_result() == wire::TaskResult::complete);
  }
  f.write(next, 3, 'N');
  CHECK(next.next()->status() == 0);
  CHECK(f.on_disk(3) == 'N');
  CHECK(f.target->release_held() == (fence == 0 ? 1 : 0));
  CHECK(f.on_disk(3) == (fence == 0 ? 'G' : 'N'));
}

TEST_CASE("the operator's changes raise unit attentions in all sessions") {
  Writing f;
  using scsi::SenseKey;
  f.target->add_lun({.number = 9, .bytes = 8192, .name = {}}).value();
  CHECK(f.i.run(scsi::test_unit_ready()).is(SenseKey::unit_attention, scsi::kReportedLunsDataChanged));
  (void)f.i.run(scsi::test_unit_ready(), 0, 0, 9);
  CHECK(f.i.run(scsi::read10(15, 1), 512, 0, 9).status() == 0);
  f.target->remove_lun(9).value();
  CHECK(f.i.run(scsi::test_unit_ready(), 0, 0, 9)
            .is(SenseKey::illegal_request, scsi::kLogicalUnitNotSupported));
  CHECK(f.i.run(scsi::test_unit_ready()).is(SenseKey::unit_attention, scsi::kReportedLunsDataChanged));
  f.target->set_read_only(0, true).value();
  CHECK(f.i.run(scsi::test_unit_ready()).is(SenseKey::unit_attention, scsi::kModeParametersChanged));
  CHECK(f.i.run(scsi::write10(0, 1), 0, 512).is(SenseKey::data_protect, scsi::kWriteProtected));
  CHECK(f.target->resize(0, 2 << 20).error().code == Errc::invalid_argument);
  CHECK(f.target->resize(77, 512).error().code == Errc::no_such_lun);
  f.target->resize(0, 512).value();
  CHECK(f.i.run(scsi::test_unit_ready()).is(SenseKey::unit_attention, scsi::kCapacityChanged));
  CHECK(f.i.run(scsi::read10(1, 1), 512).is(SenseKey::illegal_request, scsi::kLbaOutOfRange));
}

TEST_CASE("a large disk needs no memory until it is written, and can grow up to max_bytes") {
  auto config = small_config();
  config.luns = {
      {.number = 0, .bytes = std::uint64_t{1} << 40, .max_bytes = std::uint64_t{1} << 41, .name = {}}};
  Rig rig(config);
  Initiator i(rig);
  i.fill(0, 512);
  const std::uint64_t last = (std::uint64_t{1} << 31) - 1;
  CHECK(i.run(scsi::write16(last, 1), 0, 512).status() == 0);
  rig.target->resize(0, std::uint64_t{1} << 41).value();
  CHECK(i.run(scsi::test_unit_ready()).status() == 2);
  CHECK(i.run(scsi::read16(last + 1, 1), 512).status() == 0);
  CHECK(i.text(1)[0] == '\0');
  CHECK(i.run(scsi::read16(last, 1), 512).status() == 0);
  CHECK(i.text(1) == "A");
}

}  // namespace srpi::target::test
