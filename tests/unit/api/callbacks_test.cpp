// SPDX-License-Identifier: Apache-2.0
// What a callback may call, and what becomes of a call that it may not make.
#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "srpi/session.hpp"

using namespace srpi;

namespace {

// A live session with one read of its first block, which calls back.
struct Caller {
  Caller() {
    while (session->state() == SessionState::connecting) session->poll();
    REQUIRE(session->state() == SessionState::live);
    memory = session->register_memory(bytes).value();
    segment = {bytes.data(), 4096, memory.get()};
    request.blocks = 8;
    request.data = {&segment, 1};
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept {
      auto& caller = *static_cast<Caller*>(r.context);
      ++caller.completions;
      caller.within();
    };
  }
  LogicalUnit& unit() { return *session->logical_units()[0]; }
  void read() {
    CHECK(unit().submit(request) == Errc::ok);
    while (completions == 0) session->poll();
    CHECK(request.status == Errc::ok);
  }

  std::unique_ptr<Session> session = Session::create(parse_target("ram://1M").value().address).value();
  std::vector<std::byte> bytes = std::vector<std::byte>(4096);
  std::unique_ptr<Memory> memory;
  Segment segment;
  IoRequest request;
  int completions = 0;
  std::function<void()> within = [] {};
};

}  // namespace

TEST_CASE("disconnect and reconnect within on_complete are refused, and the session lives on") {
  Caller caller;
  caller.within = [&] {
    for (const auto& done : {caller.session->disconnect(), caller.session->reconnect()}) {
      REQUIRE_FALSE(done.has_value());
      CHECK(done.error().code == Errc::wrong_state);
      CHECK(done.error().detail.find("callback") != std::string::npos);
    }
    CHECK_FALSE(caller.session->arm());
    caller.session->flush();
  };
  caller.read();
  CHECK(caller.session->state() == SessionState::live);
  CHECK(caller.session->disconnect().has_value());
}

TEST_CASE("on_complete may register memory, and destroy that of its request") {
  Caller caller;
  std::vector<std::byte> more(4096);
  caller.within = [&] {
    if (caller.completions > 1) return;
    caller.memory = caller.session->register_memory(more).value();
    caller.segment = {more.data(), 4096, caller.memory.get()};
    CHECK(caller.unit().submit(caller.request) == Errc::ok);
  };
  caller.read();
  while (caller.completions == 1) caller.session->poll();
  CHECK(caller.request.status == Errc::ok);
}

TEST_CASE("a request that is submitted while disconnect or erase completes it ends with the next poll") {
  Caller caller;
  CHECK(caller.unit().submit(caller.request) == Errc::ok);
  Errc again = Errc::in_progress;
  caller.within = [&] {
    if (caller.completions == 1) again = caller.unit().submit(caller.request);
  };
  if (GENERATE(false, true))
    caller.session->erase();
  else
    caller.session->disconnect().value();
  CHECK(caller.completions == 1);
  CHECK(again == Errc::ok);
  caller.session->poll();
  CHECK(caller.completions == 2);
  CHECK(caller.request.status == Errc::no_connect);
}

TEST_CASE("a session that is destroyed completes each request once, and takes none any more") {
  Caller caller;
  CHECK(caller.unit().submit(caller.request) == Errc::ok);
  if (GENERATE(false, true)) caller.session->flush();
  TaskRequest task;
  task.on_complete = [](TaskRequest&) noexcept {};
  auto& unit = caller.unit();
  std::vector<Errc> again;
  caller.within = [&] { again = {unit.submit(caller.request), unit.abort(task), unit.reset(task)}; };
  caller.session.reset();
  CHECK(caller.completions == 1);
  CHECK(caller.request.status == Errc::no_connect);
  CHECK(again == std::vector(3, Errc::no_connect));
}
