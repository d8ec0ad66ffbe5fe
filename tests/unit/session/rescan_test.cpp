// SPDX-License-Identifier: Apache-2.0
// When the session searches for further units, and when it takes what was found.
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kFound = std::uint64_t{9} << 48;

struct Searching : Rig {
  using Rig::Rig;
  void on_search_begun() override { ++begun; }
  void on_search_ended(const Error&) override { ++ended; }
  FakeSearch& search() { return proof.searching; }
  int begun = 0, ended = 0;
};

SessionOptions holding() {
  SessionOptions options;
  options.fast_io_fail = 5s;
  return options;
}

}  // namespace

TEST_CASE("the first login needs no search, each later one is followed by one") {
  Searching rig(holding());
  rig.come_back();
  CHECK(rig.begun == 0);
  for (int outage = 1; outage <= 3; ++outage) {
    rig.target->drop_connections();
    rig.come_back();
    CHECK(rig.begun == outage);
    CHECK(rig.ended == outage);
  }
}

TEST_CASE("a session with wanted LUNs searches only on request") {
  auto options = holding();
  options.luns = {0};
  Searching rig(options);
  rig.come_back();
  rig.target->drop_connections();
  rig.come_back();
  rig.nexus->on_unit_event(0, scsi::Event::luns_changed);
  rig.settle();
  CHECK(rig.begun == 0);
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.ended == 1);
}

TEST_CASE("each proof while live is followed by a search, during which I/O goes on") {
  Searching rig;
  rig.come_back();
  rig.nexus->on_unit_event(0, scsi::Event::space_low);
  rig.settle();
  CHECK(rig.begun == 0);
  // The proof may have taken another unit's report that the LUNs have changed.
  rig.nexus->on_unit_event(0, scsi::Event::lun_reset);
  rig.settle();
  CHECK(rig.begun == 1);
  rig.search().silent = true;
  rig.nexus->on_unit_event(0, scsi::Event::luns_changed);
  rig.settle();
  REQUIRE(rig.begun == 2);
  Write write(*rig.nexus, 0, 'x');
  rig.submit(write);
  rig.settle();
  CHECK(write.counted.completions == 1);
  CHECK(rig.ended == 1);
}

TEST_CASE("what is wanted during a search is done by one more, however often it is wanted") {
  Searching rig;
  rig.come_back();
  rig.search().silent = true;
  for (int i = 0; i < 3; ++i) rig.nexus->rescan();
  rig.settle();
  CHECK(rig.search().starts == 1);
  for (int i = 0; i < 3; ++i) rig.nexus->rescan();
  rig.settle();
  CHECK(rig.search().starts == 1);
  rig.search().silent = false;
  rig.settle();
  CHECK(rig.search().starts == 2);
  CHECK(rig.ended == 2);
}

TEST_CASE("a search begins after the proof, and its units are added between two proofs") {
  Searching rig;
  rig.come_back();
  rig.proof.silent = 1;  // the proof runs until it is cancelled
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.search().starts == 0);
  rig.proof.silent = 0;
  rig.settle();
  CHECK(rig.search().starts == 1);

  rig.search().found = {ProvedUnit{.lun = kFound}};
  rig.search().silent = true;
  rig.nexus->rescan();
  rig.settle();
  rig.proof.silent = 1;
  rig.nexus->doubt_units();
  rig.search().silent = false;
  rig.settle();
  CHECK(rig.nexus->units().units().size() == 1);
  rig.proof.silent = 0;
  rig.settle();
  REQUIRE(rig.nexus->units().units().size() == 2);
  CHECK(rig.nexus->units().units()[1].lun == kFound);
  CHECK(rig.nexus->units().state(kFound) == AwayUnits::State::here);
}

TEST_CASE("a search is dropped with its connection, and done after the next login") {
  Searching rig(holding());
  rig.come_back();
  rig.search().silent = true;
  rig.nexus->rescan();
  rig.settle();
  rig.target->drop_connections();
  rig.settle();
  CHECK(rig.search().cancelled == 1);
  rig.search().silent = false;
  rig.come_back();
  CHECK(rig.search().starts == 2);
  CHECK(rig.ended == 1);
}

TEST_CASE("a found unit that is away is withheld, and the session keeps asking it") {
  Searching rig;
  rig.come_back();
  rig.search().found = {ProvedUnit{kFound, ProvedUnit::Answer::refused, Errc::not_ready}};
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.nexus->units().is_away(kFound));
  CHECK(rig.nexus->units().any_withheld());
  CHECK(rig.nexus->next_deadline() < base::kNever);
  Counted counted;
  counted.command.lun = kFound;
  rig.submit(counted);
  rig.settle();
  CHECK(counted.completions == 1);
  CHECK(counted.command.error == Errc::not_ready);
}

TEST_CASE("the list of LUNs is not asked of LUN 0 while that unit is silent") {
  Searching rig;
  rig.come_back();
  rig.nexus->rescan();
  rig.settle();
  CHECK(rig.search().asked_lun_0);
}

TEST_CASE("a rescan is possible while the session is live, connects or holds I/O, and not otherwise") {
  Searching rig(holding());
  CHECK(rig.nexus->may_rescan());
  rig.come_back();
  CHECK(rig.nexus->may_rescan());
  rig.target->set_online(false);
  rig.settle();
  REQUIRE(rig.nexus->state() == State::recovering);
  CHECK(rig.nexus->may_rescan());
  for (int i = 0; i < 100; ++i) rig.pass(100ms);
  REQUIRE(rig.nexus->state() == State::lost);
  CHECK_FALSE(rig.nexus->may_rescan());
  rig.nexus->disconnect();
  CHECK_FALSE(rig.nexus->may_rescan());
}
