// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace srpi;
using namespace srpi::session;
using namespace srpi::session::test;
using namespace std::chrono_literals;
using target::Outcome;

TEST_CASE("a login makes the session live, and a command is answered") {
  Rig rig;
  rig.settle();
  REQUIRE(rig.nexus->state() == State::live);
  CHECK(rig.nexus->channels().all()[0]->channel.terms().request_limit == 128);
  Counted c;
  rig.submit(c);
  CHECK(c.completions == 0);  // never from within submit
  rig.settle();
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::ok);
  CHECK(c.command.status == scsi::Status::good);
}

TEST_CASE(
    "when disconnect returns, every request has completed once with no_connect, and new ones fail at once") {
  Rig rig;
  rig.settle();
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::lose_command); });
  std::array<Counted, 40> commands;
  for (auto& c : commands) rig.submit(c);
  rig.settle();
  REQUIRE(rig.nexus->channels().all()[0]->channel.outstanding() == 40);

  rig.nexus->disconnect();
  CHECK(rig.nexus->state() == State::stopped);
  CHECK(rig.nexus->channels().all()[0]->channel.outstanding() == 0);
  for (auto& c : commands) {
    CHECK(c.completions == 1);
    CHECK(c.command.error == Errc::no_connect);
  }
  Counted late;
  rig.submit(late);
  CHECK(late.completions == 0);
  rig.nexus->poll();
  CHECK(late.completions == 1);
  CHECK(late.command.error == Errc::no_connect);
  CHECK(rig.states == std::vector{State::live, State::disconnecting, State::stopped});
}

TEST_CASE("the duration of a disconnect includes held requests, but not an earlier loss") {
  struct Slow {
    Command command;
    base::ManualClock* clock;
  };
  SessionOptions options;
  options.fast_io_fail = 5000ms;
  Rig rig(options);
  rig.settle();
  rig.target->set_online(false);
  rig.settle();
  REQUIRE(rig.nexus->state() == State::recovering);
  Slow held{{}, &rig.clock};
  held.command.cdb = scsi::test_unit_ready();
  held.command.owner = &held;
  held.command.on_complete = [](Command& c) noexcept { static_cast<Slow*>(c.owner)->clock->advance(3ms); };
  rig.nexus->submit(held.command);
  rig.nexus->disconnect();
  CHECK(rig.nexus->record().last_disconnect == 3ms);
  rig.nexus->reconnect();
  rig.settle();
  rig.nexus->disconnect();  // without a connection and without held commands
  CHECK(rig.nexus->record().last_disconnect == 0ms);
}

TEST_CASE("an explicit disconnect is final until an explicit reconnect") {
  Rig rig;
  rig.settle();
  rig.nexus->disconnect();
  rig.pass(24h);
  CHECK(rig.nexus->state() == State::stopped);
  CHECK(rig.target->channels().empty());
  rig.nexus->reconnect();
  rig.settle();
  CHECK(rig.nexus->state() == State::live);
  CHECK(rig.nexus->record().connects == 2);
}

TEST_CASE("if the target goes away, I/O fails at once, and the session finds the target again by itself") {
  Rig rig;
  rig.settle();
  rig.target->set_command_hook([](const auto&) { return Outcome::of(Outcome::Kind::hold); });
  Counted c;
  rig.submit(c);
  rig.settle();
  rig.target->set_online(false);
  rig.pass(10ms);
  CHECK(c.completions == 1);
  CHECK(c.command.error == Errc::no_connect);
  CHECK(rig.nexus->state() == State::lost);
  CHECK(rig.nexus->record().losses == 1);
  REQUIRE_FALSE(rig.failures.empty());  // the first attempt came at once

  rig.target->set_command_hook({});
  rig.target->set_online(true);
  for (int i = 0; i < 20 && rig.nexus->state() != State::live; ++i) rig.pass(1s);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("the delays between attempts grow up to reconnect_delay") {
  SessionOptions options;
  options.reconnect_delay = 1000ms;
  Rig rig(options);
  rig.settle();
  rig.target->set_online(false);
  rig.pass(10ms);
  base::Duration last{};
  for (int i = 0; i < 12; ++i) {
    const auto delay = rig.nexus->timers().retry_at() - rig.clock.now();
    CHECK(delay <= 1000ms);
    CHECK(delay >= std::min<base::Duration>(last / 2, 700ms));
    last = delay;
    rig.pass(delay);
    rig.pass(rig.options.connect_timeout);  // an attempt may end only at its deadline
  }
  CHECK(last >= 700ms);
}

TEST_CASE("with fast_io_fail new I/O is held while the target is away, and sent when it is back") {
  SessionOptions options;
  options.fast_io_fail = 5000ms;
  Rig rig(options);
  rig.settle();
  rig.target->drop_connections();
  rig.clock.advance(10ms);
  while (rig.nexus->state() == State::live) rig.nexus->poll(), rig.network.progress();
  REQUIRE(rig.nexus->state() == State::recovering);
  Counted held;
  rig.submit(held);
  rig.settle();
  CHECK(rig.nexus->state() == State::live);
  CHECK(held.completions == 1);
  CHECK(held.command.error == Errc::ok);
}

TEST_CASE("when fast_io_fail ends, held I/O fails") {
  SessionOptions options;
  options.fast_io_fail = 5000ms;
  Rig rig(options);
  rig.settle();
  rig.target->set_online(false);
  rig.pass(10ms);
  REQUIRE(rig.nexus->state() == State::recovering);
  Counted held;
  rig.submit(held);
  rig.pass(4s);
  CHECK(held.completions == 0);
  rig.pass(2s);
  CHECK(held.completions == 1);
  CHECK(held.command.error == Errc::no_connect);
  CHECK(rig.nexus->state() == State::lost);
}

TEST_CASE("dev_loss erases the session only if it is set") {
  SessionOptions options;
  options.dev_loss = 60000ms;
  Rig rig(options);
  rig.settle();
  rig.target->set_online(false);
  for (int i = 0; i < 13; ++i) rig.pass(5s);
  CHECK(rig.nexus->state() == State::erased);
}

TEST_CASE("a keepalive notices a target that is gone without a message") {
  Rig rig;
  rig.settle();
  const auto before = rig.target->counters().commands;
  rig.pass(*rig.options.keepalive + 10ms);
  CHECK(rig.target->counters().commands == before + 1);
}

TEST_CASE("a login that is refused for good stops the attempts with the reason") {
  Rig rig;
  rig.target->reject_logins(wire::RejectReason::cannot_associate);
  rig.settle();
  CHECK(rig.nexus->state() == State::stopped);
  CHECK(rig.nexus->record().last_error.code == Errc::login_rejected);
  rig.pass(24h);
  CHECK(rig.target->counters().rejects == 1);
}

TEST_CASE("a login that is refused for now is tried again") {
  Rig rig;
  rig.target->reject_logins(wire::RejectReason::insufficient_resources);
  rig.settle();
  CHECK(rig.nexus->state() == State::lost);
  CHECK(rig.nexus->record().last_error.code == Errc::login_no_resources);
  rig.target->reject_logins(std::nullopt);
  rig.pass(1s);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("row 8: an impossible request limit or length is a protocol error and leaves no partial session") {
  const auto bend = GENERATE(0, 1, 2, 3);
  Rig rig;
  rig.target->set_login_response_hook([bend](wire::LoginResponse& r) {
    if (bend == 0) r.request_limit = 0;
    if (bend == 1) r.request_limit = -5;
    if (bend == 2) r.max_it_iu_bytes = 60;
    if (bend == 3) r.direct_descriptors = r.indirect_descriptors = false;
  });
  rig.settle();
  CHECK(rig.nexus->state() == State::lost);
  CHECK(rig.nexus->record().last_error.code == Errc::protocol_error);
  CHECK_FALSE(rig.nexus->channels().all()[0]->channel.is_open());
}

TEST_CASE("requests of the target are answered") {
  Rig rig;
  rig.settle();
  rig.target->send_credit_request(5);
  rig.settle();
  rig.target->send_async_event(0, scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged));
  rig.settle();
  CHECK(rig.target->counters().target_answers == 2);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("a target's logout is a loss, and the session recovers") {
  Rig rig;
  rig.settle();
  rig.target->send_logout(wire::LogoutReason::inactive);
  rig.pass(10ms);
  for (int i = 0; i < 5; ++i) rig.pass(1s);
  CHECK(rig.nexus->record().losses == 1);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("row 10: malformed units end the connection, never the process") {
  Rig rig;
  rig.settle();
  std::vector<std::byte> garbage(1 + GENERATE(range(0, 64)), std::byte{0xc1});
  rig.target->send_raw(garbage);
  rig.pass(10ms);
  CHECK(rig.nexus->record().losses == 1);
}

TEST_CASE("row 12: an answer to an unknown request completes nothing") {
  Rig rig;
  rig.settle();
  std::vector<std::byte> response(36, std::byte{0});
  response[0] = std::byte{0xc1};
  response[11] = std::byte{1};  // changes the tag's generation
  rig.target->send_raw(response);
  rig.settle();
  CHECK(rig.nexus->channels().all()[0]->channel.counters().unknown_tags == 1);
  CHECK(rig.nexus->state() == State::live);
}

TEST_CASE("a different unit at the same address is refused and stops the attempts") {
  Rig rig;
  rig.settle();
  rig.proof.answer = Error{Errc::identity_mismatch, "another one"};
  rig.target->drop_connections();
  rig.pass(10ms);
  CHECK(rig.nexus->state() == State::stopped);
  CHECK(rig.nexus->record().last_error.code == Errc::identity_mismatch);
}

TEST_CASE("erase is final in every state") {
  Rig rig;
  if (GENERATE(true, false)) rig.settle();
  Counted c;
  rig.submit(c);
  rig.nexus->erase();
  CHECK(c.completions == 1);
  CHECK(rig.nexus->state() == State::erased);
  rig.nexus->reconnect();
  rig.pass(1h);
  CHECK(rig.nexus->state() == State::erased);
}
