// SPDX-License-Identifier: Apache-2.0
// What waits in the Asio layer has an end, whichever way the session goes.
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <thread>
#include <vector>

#include "srpi/asio.hpp"
#include "srpi/ram_target.hpp"

using namespace srpi;
using namespace std::chrono_literals;

namespace {

struct Outcome {
  auto handler() {
    return [this](boost::system::error_code e, std::size_t) {
      code = e;
      ++completions;
    };
  }
  boost::system::error_code code;
  int completions = 0;
};

// A session that makes no attempts of its own.
class Rig {
 public:
  explicit Rig(SessionOptions options = {}) {
    options.reconnect_delay.reset();
    options.keepalive = 10ms;  // it sleeps when its target goes away
    Outcome connected;
    session.async_connect(parse_target("ram://8M").value().address, options, connected.handler());
    run_until([&] { return connected.completions == 1; });
    REQUIRE_FALSE(connected.code);
  }
  template<class Condition>
  void run_until(Condition fulfilled) {
    const auto give_up = std::chrono::steady_clock::now() + 60s;  // for a slow machine
    while (!fulfilled() && std::chrono::steady_clock::now() < give_up) {
      loop.restart();
      loop.run_one_for(100ms);
    }
    REQUIRE(fulfilled());
  }
  void lose(SessionState then) {
    set_ram_target_online(session.session(), false).value();
    run_until([&] { return session.session().state() == then; });
    set_ram_target_online(session.session(), true).value();
  }
  // A reconnect is asked for, and the timer has expired before it gets anywhere.
  void reconnect_overtaken_by(OptionalMilliseconds SessionStatus::*timer) {
    session.async_reconnect(reconnected.handler());
    std::this_thread::sleep_for((session.session().status().*timer).value() + 1ms);
  }

  boost::asio::io_context loop;
  AsyncSession session{loop.get_executor()};
  Outcome reconnected;
};

}  // namespace

TEST_CASE("a reconnect completes when dev_loss erases the session meanwhile") {
  SessionOptions options;
  options.dev_loss = 1000ms;
  Rig rig(options);
  rig.lose(SessionState::disconnected);
  rig.reconnect_overtaken_by(&SessionStatus::dev_loss_in);
  rig.run_until([&] { return rig.session.session().state() == SessionState::erased; });
  rig.loop.restart();
  rig.loop.poll();
  CHECK(rig.reconnected.completions == 1);
  CHECK(rig.reconnected.code == Errc::no_connect);
  CHECK(rig.session.why().detail.find("dev_loss") != std::string::npos);

  Outcome another;
  rig.session.async_reconnect(another.handler());
  rig.run_until([&] { return another.completions == 1; });
  CHECK(another.code == Errc::wrong_state);

  std::vector<std::byte> bytes(AsyncSession::kMaxTransferBytes);
  Outcome reads[2];  // each takes the whole pool
  for (auto& read : reads)
    rig.session.async_read(rig.session.unit(0), 0, boost::asio::buffer(bytes), read.handler());
  rig.session.erase();
  rig.loop.restart();
  rig.loop.poll();
  for (const auto& read : reads) {
    CHECK(read.completions == 1);
    CHECK(read.code == Errc::no_connect);
  }
}

TEST_CASE("a reconnect continues when fast_io_fail ends meanwhile") {
  SessionOptions options;
  options.fast_io_fail = 1000ms;
  Rig rig(options);
  rig.lose(SessionState::recovering);
  rig.reconnect_overtaken_by(&SessionStatus::fast_io_fail_in);
  rig.run_until([&] { return rig.reconnected.completions == 1; });
  CHECK_FALSE(rig.reconnected.code);
  CHECK(rig.session.session().state() == SessionState::live);
}

TEST_CASE("a reconnect completes when the session below is disconnected or erased") {
  for (const bool erase : {false, true}) {
    Rig rig;
    rig.lose(SessionState::disconnected);
    rig.session.async_reconnect(rig.reconnected.handler());
    auto& session = rig.session.session();
    if (erase)
      session.erase();
    else
      session.disconnect().value();
    rig.loop.restart();
    rig.loop.poll();
    CHECK(rig.reconnected.completions == 1);
    CHECK(rig.reconnected.code == Errc::no_connect);
    CHECK(rig.session.why().code == Errc::no_connect);
  }
}

TEST_CASE("operations that wait for the Asio layer's buffers end with the session, at once") {
  enum class End { disconnect, disconnect_below, erase_below };
  for (const auto end : {End::disconnect, End::disconnect_below, End::erase_below}) {
    SessionOptions options;
    options.fast_io_fail = 60s;
    Rig rig(options);
    rig.lose(SessionState::recovering);
    std::vector<std::byte> bytes(AsyncSession::kMaxTransferBytes);
    Outcome reads[3];  // each takes the whole pool
    for (auto& read : reads)
      rig.session.async_read(rig.session.unit(0), 0, boost::asio::buffer(bytes), read.handler());
    rig.loop.restart();
    rig.loop.run_for(50ms);  // until it sleeps, with the first read held
    for (const auto& read : reads) CHECK(read.completions == 0);
    if (end == End::disconnect) rig.session.disconnect().value();
    if (end == End::disconnect_below) rig.session.session().disconnect().value();
    if (end == End::erase_below) rig.session.session().erase();
    rig.loop.restart();
    rig.loop.poll();
    for (const auto& read : reads) {
      CHECK(read.completions == 1);
      CHECK(read.code == Errc::no_connect);
    }
  }
}
