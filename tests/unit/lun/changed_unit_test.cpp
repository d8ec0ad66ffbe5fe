// SPDX-License-Identifier: Apache-2.0
// A proof finds a unit with another cache or other limits than a request was begun with.
#include <catch2/catch.hpp>

#include "durable_rig.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using target::Outcome;

namespace {

struct Changing : Durable {
  using Durable::Durable;
  // Until the next proof the unit is taken for one that differs in this.
  template<class F>
  void pretend(F differ) {
    auto profile = proof.units()[0];
    differ(profile);
    units[0]->update(profile);
  }
  // The next command of this kind is told that the mode has changed: a proof follows.
  void change_at(scsi::Opcode opcode) {
    changed = false;
    note([this, opcode](scsi::Opcode o) {
      return o == opcode && !std::exchange(changed, true)
                 ? Outcome::check_condition(scsi::SenseKey::unit_attention, scsi::kModeParametersChanged)
                 : Outcome{};
    });
  }
  bool changed = false;
};

}  // namespace

TEST_CASE("FUA: a write is flushed if its unit now has a volatile cache and no FUA") {
  const bool began_with_fua = GENERATE(false, true);  // else without a cache
  Changing rig;
  rig.pretend([&](lun::UnitProfile& p) {
    if (began_with_fua)
      p.info.can_force_unit_access = true;
    else
      p.info.write_cache = false;
  });
  rig.change_at(kWrite);
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  CHECK(rig.changed);
  CHECK(rig.proofs == 1);
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.commands.back() == kFlush);
  CHECK(rig.durable(16) == 'f');
}

TEST_CASE("FUA: a write with the FUA bit is not flushed while the unit has FUA") {
  Changing rig({}, cached(true));
  rig.change_at(kWrite);
  Ios ios;
  auto& io = ios.submit(rig, 16, 'f');
  rig.settle();
  CHECK(rig.proofs == 1);
  CHECK(io.request.status == Errc::ok);
  CHECK(rig.count(kWrite) == 2);
  CHECK(rig.count(kFlush) == 0);
}

TEST_CASE("a partly sent request ends if the unit does not permit the rest any more") {
  SessionOptions options;
  options.queue_depth = 1;
  Changing rig(options);
  const auto operation = GENERATE(IoOperation::unmap, IoOperation::write_zeroes);
  const bool force = GENERATE(false, true);
  const auto limit = [&](std::uint32_t blocks) {
    rig.pretend(
        [&](lun::UnitProfile& p) { p.limits.max_unmap_blocks = p.limits.max_write_same_blocks = blocks; });
  };
  limit(2);
  Io io(rig, operation, 0);
  io.request.force_unit_access = force;
  rig.units[0]->submit(io.request);
  rig.turn();
  REQUIRE(io.completions == 0);
  limit(0);
  for (int i = 0; i < 200; ++i) rig.turn();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::not_supported);
  CHECK(rig.commands.size() <= 2);
  limit(1);  // so that a request that goes on for ever ends
  rig.settle();
}

TEST_CASE("FUA: an unmap that must be done again ends if the unit does not permit it any more") {
  Changing rig;
  rig.note([](scsi::Opcode opcode) {
    return Outcome::of(opcode == kFlush ? Outcome::Kind::hold : Outcome::Kind::normal);
  });
  Ios ios;
  auto& io = ios.submit(rig, 16, 0, IoOperation::unmap);
  rig.settle();
  REQUIRE(rig.target->held() == 1);
  rig.nexus->on_unit_event(rig.units[0]->wire_lun(), scsi::Event::lun_reset);
  rig.settle();
  rig.pretend([](lun::UnitProfile& p) { p.limits.max_unmap_blocks = 0; });
  rig.note();
  rig.commands.clear();
  rig.target->release_held();
  for (int i = 0; i < 200; ++i) rig.turn();
  CHECK(io.completions == 1);
  CHECK(io.request.status == Errc::not_supported);
  CHECK(io.request.operation == IoOperation::unmap);
  CHECK(rig.commands.empty());
  rig.pretend([](lun::UnitProfile&) {});
  rig.settle();
}
