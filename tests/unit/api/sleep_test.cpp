// SPDX-License-Identifier: Apache-2.0
// Between arm and the next poll, whatever gives poll something to do makes fd() readable: nothing sleeps for ever.
#include <poll.h>

#include <catch2/catch.hpp>
#include <vector>

#include "srpi/ram_target.hpp"
#include "srpi/session.hpp"

using namespace srpi;

namespace {

// A session that sleeps: without a keepalive, which would wake it as well.
class Sleeping {
 public:
  explicit Sleeping(const char* target = "ram://1M?luns=2", SessionOptions options = {}) {
    options.keepalive.reset();
    session = Session::create(parse_target(target).value().address, options).value();
    wait([&] { return session->state() != SessionState::connecting; });
    REQUIRE(session->state() == SessionState::live);
    memory = session->register_memory(bytes).value();
    segment = {bytes.data(), 4096, memory.get()};
    for (auto& request : requests) {
      request.blocks = 8;
      request.data = {&segment, 1};
      request.context = &completions;
      request.on_complete = [](IoRequest& r) noexcept { ++*static_cast<int*>(r.context); };
    }
    task.context = &completions;
    task.on_complete = [](TaskRequest& t) noexcept { ++*static_cast<int*>(t.context); };
    fall_asleep();
  }
  void fall_asleep() {
    while (session->poll() > 0 || !session->arm()) {
    }
    REQUIRE_FALSE(is_readable(0));
  }
  [[nodiscard]] bool is_readable(int milliseconds = 10000) const {
    pollfd fd{session->fd(), POLLIN, 0};
    return ::poll(&fd, 1, milliseconds) == 1;
  }
  template<class Done>
  void wait(Done done) {
    while (!done()) {
      if (session->poll() > 0 || !session->arm()) continue;
      REQUIRE(is_readable());
    }
  }
  LogicalUnit& unit(std::size_t i = 0) { return *session->logical_units()[i]; }

  std::vector<std::byte> bytes = std::vector<std::byte>(4096);
  std::unique_ptr<Session> session;
  std::unique_ptr<Memory> memory;
  Segment segment;
  IoRequest requests[3];
  TaskRequest task;
  int completions = 0;
};

}  // namespace

TEST_CASE("a request that is submitted after arm makes fd() readable") {
  Sleeping s;
  int expected = 1;
  SECTION("one that the target answers") { CHECK(s.unit().submit(s.requests[0]) == Errc::ok); }
  SECTION("one that is refused") {
    s.requests[0].blocks = 0;
    CHECK(s.unit().submit(s.requests[0]) == Errc::ok);
  }
  SECTION("an abort") { CHECK(s.unit().abort(s.task) == Errc::ok); }
  SECTION("a reset") { CHECK(s.unit().reset(s.task) == Errc::ok); }
  SECTION("several, to several units") {
    for (std::size_t i = 0; i < 3; ++i) CHECK(s.unit(i % 2).submit(s.requests[i]) == Errc::ok);
    expected = 3;
  }
  SECTION("after arm was called twice") {
    REQUIRE(s.session->arm());
    CHECK(s.unit().submit(s.requests[0]) == Errc::ok);
  }
  CHECK(s.completions == 0);
  CHECK(s.is_readable());
  CHECK_FALSE(s.session->arm());
  s.wait([&] { return s.completions == expected; });
  CHECK(s.requests[0].status == (s.requests[0].blocks == 0 ? Errc::invalid_argument : Errc::ok));
  s.fall_asleep();  // it is not awake for ever
  CHECK(s.completions == expected);
}

TEST_CASE("a request that is submitted after arm and flush makes fd() readable again") {
  Sleeping s;
  CHECK(s.unit().submit(s.requests[0]) == Errc::ok);
  s.session->flush();
  CHECK(s.unit().submit(s.requests[1]) == Errc::ok);
  CHECK(s.unit(1).submit(s.requests[2]) == Errc::ok);
  s.session->flush();
  s.wait([&] { return s.completions == 3; });
  s.fall_asleep();
}

TEST_CASE("a unit whose requests wait for the session is heard, too") {
  SessionOptions options;
  options.fast_io_fail = Milliseconds(60000);
  options.reconnect_delay.reset();
  options.queue_depth = 1;
  Sleeping s("ram://1M", options);
  set_ram_target_online(*s.session, false).value();
  s.wait([&] { return s.session->state() == SessionState::recovering; });
  s.fall_asleep();
  CHECK(s.unit().submit(s.requests[0]) == Errc::ok);  // it has the only command, and is held
  CHECK(s.unit().submit(s.requests[1]) == Errc::ok);  // it waits for a command
  s.fall_asleep();
  s.requests[2].blocks = 0;
  CHECK(s.unit().submit(s.requests[2]) == Errc::ok);
  CHECK(s.is_readable());
  s.wait([&] { return s.completions == 1; });
  s.fall_asleep();
  CHECK(s.unit().abort(s.task) == Errc::ok);
  CHECK(s.is_readable());
  s.wait([&] { return s.completions == 4; });
  CHECK(s.requests[0].status == Errc::cancelled);
  CHECK(s.requests[1].status == Errc::cancelled);
}

TEST_CASE("reconnect after arm makes fd() readable") {
  Sleeping s;
  s.session->disconnect().value();
  s.fall_asleep();
  s.session->reconnect().value();
  CHECK(s.is_readable());
  s.wait([&] { return s.session->state() == SessionState::live; });
}

TEST_CASE("the built-in target that is switched off or on after arm makes fd() readable") {
  SessionOptions options;
  options.reconnect_delay = Milliseconds(10);
  Sleeping s("ram://1M", options);
  set_ram_target_online(*s.session, false).value();
  CHECK(s.is_readable());
  s.wait([&] { return s.session->state() != SessionState::live; });
}
