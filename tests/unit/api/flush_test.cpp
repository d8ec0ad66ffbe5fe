// SPDX-License-Identifier: Apache-2.0
// Session::flush sends, and runs no completion. A thread that sleeps on the session's file descriptor then
// wakes up.
#include <poll.h>

#include <catch2/catch.hpp>
#include <vector>

#include "api/session_impl.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "srpi/session.hpp"
#include "target/ram_target.hpp"

using namespace srpi;

namespace {

struct Asleep {
  Asleep() : session(Session::create(parse_target("ram://16M").value().address, options()).value()) {
    wait([&] { return session->state() != SessionState::connecting; });
    REQUIRE(session->state() == SessionState::live);
    while (session->poll() > 0 || !session->arm()) {
    }
    request.context = &completions;
    request.on_complete = [](IoRequest& r) noexcept { ++*static_cast<int*>(r.context); };
    task.context = &completions;
    task.on_complete = [](TaskRequest& t) noexcept { ++*static_cast<int*>(t.context); };
  }
  static SessionOptions options() {
    SessionOptions o;
    o.keepalive.reset();  // which would wake it, too
    return o;
  }
  // What should wake it does so at once; ten seconds are for a machine that is very busy.
  bool wakes_up() {
    pollfd fd{session->fd(), POLLIN, 0};
    return ::poll(&fd, 1, 10000) == 1;
  }
  template<class Done>
  void wait(Done done) {
    while (!done()) {
      if (session->poll() > 0 || !session->arm()) continue;
      REQUIRE(wakes_up());
    }
  }
  LogicalUnit& unit() { return *session->logical_units()[0]; }
  std::unique_ptr<Session> session;
  IoRequest request;
  TaskRequest task;
  int completions = 0;
};

}  // namespace

TEST_CASE(
    "flush completes nothing: requests that end at once wait for the next poll and make fd() readable") {
  Asleep s;
  Errc wanted = Errc::ok;
  SECTION("a request that is refused") {
    s.request.blocks = 0;
    wanted = Errc::invalid_argument;
    s.unit().submit(s.request);
  }
  SECTION("a flush without a cache") {
    s.request.operation = IoOperation::flush;
    s.unit().submit(s.request);
  }
  SECTION("an operator's abort") { s.unit().abort(s.task); }
  SECTION("a request that is refused since the session is not connected") {
    REQUIRE(s.session->disconnect().has_value());
    while (s.session->poll() > 0 || !s.session->arm()) {
    }
    s.request.operation = IoOperation::unmap;
    s.request.blocks = 1;
    wanted = Errc::no_connect;
    s.unit().submit(s.request);
  }
  s.session->flush();
  CHECK(s.completions == 0);
  CHECK(s.wakes_up());
  CHECK_FALSE(s.session->arm());
  s.session->poll();
  CHECK(s.completions == 1);
  CHECK(s.request.status == wanted);
}

TEST_CASE("flush runs no completion of a waiting abort") {
  Asleep s;
  std::vector<std::byte> bytes(512);
  const auto memory = s.session->register_memory(bytes).value();
  const Segment segment{bytes.data(), 512, memory.get()};
  s.request.blocks = 1;
  s.request.data = {&segment, 1};
  s.unit().submit(s.request);
  s.unit().abort(s.task);
  s.session->flush();
  CHECK(s.completions == 0);
  s.wait([&] { return s.completions == 2; });
}

TEST_CASE("after flush, fd() is readable for requests to the built-in target, too") {
  Asleep s;
  s.request.operation = IoOperation::write_zeroes;
  s.request.blocks = 8;
  s.unit().submit(s.request);
  s.session->flush();
  CHECK(s.completions == 0);
  CHECK(s.session->status().outstanding == 1);
  CHECK(s.wakes_up());
  s.wait([&] { return s.completions == 1; });
  CHECK(s.request.status == Errc::ok);
}

TEST_CASE("fd() becomes readable at the deadline of requests that flush has sent") {
  const auto address = parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  target::TargetConfig config;
  config.port_id = address.target_port_id();
  config.luns.push_back({.number = 0, .bytes = 1 << 20, .name = "silent"});
  loopback::Network network;
  const auto target = target::RamTarget::create(std::move(config)).value();
  network.listen(loopback::service_of(address), *target, network.target_device()).value();
  auto options = Asleep::options();
  options.command_timeout = Milliseconds(50);
  {
    api::SessionImpl session(address, options, nullptr, std::make_unique<loopback::Fabric>(network), nullptr,
                             1);
    session.open().value();
    while (session.poll() + target->poll() > 0 || session.state() != SessionState::live || !session.arm()) {
    }
    target->set_command_hook(
        [](const target::CommandInfo&) { return target::Outcome::of(target::Outcome::Kind::lose_command); });
    IoRequest request;
    request.operation = IoOperation::write_zeroes;
    request.blocks = 8;
    request.on_complete = [](IoRequest&) noexcept {};
    session.logical_units()[0]->submit(request);
    session.flush();
    pollfd fd{session.fd(), POLLIN, 0};
    CHECK(::poll(&fd, 1, 10000) == 1);
    session.erase();
    CHECK(request.status == Errc::timed_out);
  }
  network.stop_listening(loopback::service_of(address));
}
