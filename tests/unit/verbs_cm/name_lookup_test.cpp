// SPDX-License-Identifier: Apache-2.0
// A session whose name server is silent, late, or does not know the name.
#include "verbs/name_lookup.hpp"

#include <netdb.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "fake_resolver.hpp"
#include "sleeper.hpp"
#include "verbs/fabric.hpp"

using namespace srpi;
using verbs::test::FakeResolver;
using verbs::test::Sleeper;

namespace {
const std::string kStorage1 = "storage1:5555";
}  // namespace

TEST_CASE("while a look-up hangs, polls return and commands fail at once") {
  FakeResolver resolver;
  const auto fabric = verbs::make_fabric();
  Sleeper sleeper(*fabric, kStorage1);
  sleeper.fall_asleep();  // must not block
  resolver.await_questions(1);
  CHECK_FALSE(sleeper.woken());

  int answers = 0;
  channel::Command command;
  command.owner = &answers;
  command.on_complete = [](channel::Command& c) noexcept { ++*static_cast<int*>(c.owner); };
  sleeper.nexus.submit(command);
  sleeper.nexus.poll();
  CHECK(answers == 1);
  CHECK(command.error == Errc::no_connect);
  CHECK(resolver.questions() == std::vector<std::string>{"storage1"});
  CHECK(sleeper.cm.addresses.empty());
}

TEST_CASE("the answer of the look-up and later the connection manager's event wake a sleeping session") {
  FakeResolver resolver;
  const auto fabric = verbs::make_fabric();
  Sleeper sleeper(*fabric, kStorage1);
  sleeper.fall_asleep();
  resolver.answer({"192.0.2.1", "198.51.100.2"});
  REQUIRE(sleeper.woken_soon());
  sleeper.fall_asleep();
  CHECK(sleeper.cm.addresses == std::vector<std::string>{"192.0.2.1:5555"});
  CHECK_FALSE(sleeper.woken());
  sleeper.cm.raise(RDMA_CM_EVENT_ADDR_ERROR, -ENODEV);
  CHECK(sleeper.woken());
  sleeper.fall_asleep();
  CHECK(sleeper.cm.addresses.size() == 2);
  CHECK(sleeper.failures.empty());
}

TEST_CASE("a name that cannot be looked up ends the attempt with the resolver's error text") {
  FakeResolver resolver;
  const auto fabric = verbs::make_fabric();
  Sleeper sleeper(*fabric, kStorage1);
  sleeper.fall_asleep();
  resolver.fail(EAI_AGAIN);
  REQUIRE(sleeper.woken_soon());
  sleeper.nexus.poll();
  REQUIRE(sleeper.failures.size() == 1);
  CHECK(sleeper.failures.front().code == Errc::unreachable);
  CHECK(sleeper.failures.front().detail == "looking up storage1: Temporary failure in name resolution");
}

TEST_CASE("the look-up counts toward the attempt's deadline, and the next attempt gets a late answer") {
  FakeResolver resolver;
  const auto fabric = verbs::make_fabric();
  Sleeper sleeper(*fabric, kStorage1);
  sleeper.fall_asleep();
  resolver.await_questions(1);
  sleeper.clock.advance(sleeper.options.connect_timeout);
  sleeper.nexus.poll();
  REQUIRE(sleeper.failures.size() == 1);
  CHECK(sleeper.failures.front().code == Errc::connect_timed_out);
  CHECK(sleeper.failures.front().detail == "5000 ms were over while looking up storage1");
  CHECK(sleeper.cm.ids.empty());

  sleeper.nexus.reconnect();
  sleeper.fall_asleep();
  CHECK_FALSE(sleeper.woken());
  resolver.answer({"192.0.2.1"});
  REQUIRE(sleeper.woken_soon());
  sleeper.fall_asleep();
  CHECK(sleeper.cm.addresses == std::vector<std::string>{"192.0.2.1:5555"});
  CHECK(resolver.questions().size() == 1);  // the attempts share one look-up
}

TEST_CASE("a session can end while its look-up hangs, and the late answer is ignored") {
  FakeResolver resolver;
  const auto threads = verbs::test::running_threads();
  {
    const auto fabric = verbs::make_fabric();
    Sleeper sleeper(*fabric, kStorage1);
    sleeper.fall_asleep();
    resolver.await_questions(1);
  }  // must not block
  CHECK(verbs::test::running_threads() == threads + 1);
  resolver.answer({"192.0.2.1"});
  resolver.give_up();
  CHECK(verbs::test::running_threads() == threads);
}

TEST_CASE("a later look-up does not get an earlier answer") {
  FakeResolver resolver;
  verbs::NameLookups lookups;
  const RdmaCmAddress target{"storage1", 5555, ""};
  const auto first = lookups.start(target).value();
  resolver.answer({"192.0.2.1"});
  REQUIRE(verbs::test::Watch({first->fd()}).readable(10'000));
  const auto second = lookups.start(target).value();
  REQUIRE(verbs::test::Watch({second->fd()}).readable(10'000));
  CHECK(first->take().value()->size() == 1);
  CHECK(second->take().value()->size() == 1);
  CHECK(resolver.questions().size() == 2);
}

TEST_CASE("host and source are both looked up, and names() has both") {
  FakeResolver resolver;
  verbs::NameLookups lookups;
  const auto lookup = lookups.start({"storage1", 5555, "eth-storage"}).value();
  CHECK(lookup->names() == "storage1 and its source eth-storage");
  CHECK_FALSE(lookup->take());
  resolver.answer({"192.0.2.1"});
  REQUIRE(verbs::test::Watch({lookup->fd()}).readable(10'000));
  CHECK(lookup->take().value()->front().source.has_value());
  CHECK(resolver.questions() == std::vector<std::string>{"storage1", "eth-storage"});
}

TEST_CASE("a numeric address needs no look-up and no thread") {
  FakeResolver resolver;
  const auto threads = verbs::test::running_threads();
  const auto fabric = verbs::make_fabric();
  Sleeper sleeper(*fabric, "192.0.2.1:5555");
  sleeper.fall_asleep();
  CHECK(sleeper.cm.addresses == std::vector<std::string>{"192.0.2.1:5555"});
  CHECK(resolver.questions().empty());
  CHECK(verbs::test::running_threads() == threads);
}
