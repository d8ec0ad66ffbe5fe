// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "loopback/fabric.hpp"
#include "support.hpp"

namespace srpi::loopback::test {

using Kind = fabric::ConnectionEvent::Kind;

namespace {
std::string text_of(const fabric::ConnectionEvent& event, std::size_t size) {
  return {reinterpret_cast<const char*>(event.private_data.data()), size};
}
constexpr fabric::QueueLimits kLimits{.send_depth = 4, .receive_depth = 4};
}  // namespace

TEST_CASE("connecting: resolved, request, reply, established, with padded private data") {
  Pair p;
  CHECK_FALSE(p.active->next_event());
  CHECK(p.network.progress() == 1);
  CHECK(p.active->next_event()->kind == Kind::resolved);
  p.active->create_queues(kLimits).value();
  p.active->connect(as_bytes("login")).value();
  CHECK(p.listener.requests.empty());  // connect() itself delivers nothing
  p.network.progress();
  REQUIRE(p.listener.requests.size() == 1);
  auto passive = std::move(p.listener.requests[0]);
  REQUIRE(passive->request_private_data().size() == 56);
  CHECK(std::memcmp(passive->request_private_data().data(), "login\0\0", 7) == 0);
  passive->create_queues(kLimits).value();
  passive->accept(as_bytes("welcome")).value();
  p.network.progress();
  const auto event = p.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == Kind::established);
  CHECK(event->private_data_bytes == 196);
  CHECK(text_of(*event, 8) == std::string("welcome\0", 8));
  p.network.progress();
  CHECK(passive->next_event()->kind == Kind::established);
  CHECK(p.network.progress() == 0);
  CHECK(p.active->path().device == "loopback0");
  CHECK(passive->path().device == "loopback1");
  CHECK(p.active->path().destination_gid == passive->path().source_gid);
}

TEST_CASE("without a listener the fabric rejects the request with Errc::refused") {
  Pair p;
  p.network.progress();
  p.active->create_queues(kLimits).value();
  p.network.stop_listening("disk");
  p.active->connect({}).value();
  p.network.progress();
  (void)p.active->next_event();
  const auto event = p.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == Kind::rejected);
  CHECK_FALSE(event->consumer);
  CHECK(event->error.code == Errc::refused);
}

TEST_CASE(
    "the initiator gets the acceptor's reject with its data; a dropped request is a reject without data") {
  Pair p;
  p.network.progress();
  (void)p.active->next_event();
  p.active->create_queues(kLimits).value();
  p.active->connect({}).value();
  p.network.progress();
  const bool drop = GENERATE(false, true);
  if (!drop) p.listener.requests[0]->reject(as_bytes("no"));
  p.listener.requests.clear();
  p.network.progress();
  const auto event = p.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == Kind::rejected);
  CHECK(event->consumer == !drop);
  CHECK(event->private_data_bytes == (drop ? 0u : 148u));
  if (!drop) CHECK(text_of(*event, 2) == "no");
  CHECK_FALSE(p.active->next_event());
}

TEST_CASE("calls in the wrong order are refused") {
  Pair p;
  CHECK(p.active->connect({}).error().code == Errc::wrong_state);
  p.network.progress();
  CHECK(p.active->connect({}).error().code == Errc::wrong_state);  // before create_queues
  fabric::Sge none;
  CHECK(send(*p.active, 1, none).error().code == Errc::wrong_state);
  CHECK(receive(*p.active, 1, none).error().code == Errc::wrong_state);
  CHECK(p.active->create_queues({}).error().code == Errc::invalid_argument);
  p.active->create_queues(kLimits).value();
  CHECK(p.active->create_queues(kLimits).error().code == Errc::wrong_state);
  CHECK(send(*p.active, 1, none).error().code == Errc::wrong_state);
  const std::vector<std::byte> much(57);
  CHECK(p.active->connect(much).error().code == Errc::invalid_argument);
  p.active->connect({}).value();
  CHECK(p.active->connect({}).error().code == Errc::wrong_state);
  p.network.progress();
  auto& passive = *p.listener.requests[0];
  CHECK(passive.accept({}).error().code == Errc::wrong_state);
  passive.create_queues(kLimits).value();
  CHECK(passive.accept(std::vector<std::byte>(197)).error().code == Errc::invalid_argument);
}

TEST_CASE("abort ends the local side at once and disconnects the peer") {
  Connected c;
  receive(*c.active, 1, c.here.sge()).value();
  receive(*c.passive, 2, c.there.sge()).value();
  send(*c.active, 3, c.here.sge(0, 8)).value();
  const bool active_aborts = GENERATE(true, false);
  fabric::Endpoint& goer = active_aborts ? static_cast<fabric::Endpoint&>(*c.active) : *c.passive;
  fabric::Endpoint& stayer = active_aborts ? static_cast<fabric::Endpoint&>(*c.passive) : *c.active;
  goer.abort();
  goer.abort();
  CHECK(poll(goer).empty());
  CHECK(send(goer, 4, c.here.sge()).error().code == Errc::no_connect);
  CHECK(poll(stayer).empty());  // the disconnect is still on its way
  c.network.progress();
  const auto event = active_aborts ? c.passive->next_event() : c.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == Kind::disconnected);
  CHECK(event->error.code == Errc::no_connect);
  const auto completions = poll(stayer);
  CHECK(completions.size() == (active_aborts ? 1 : 2));
  for (const auto& completion : completions) CHECK(completion.status == fabric::WorkStatus::flushed);
  CHECK(c.there.text(1)[0] == '\0');
}

TEST_CASE("an initiator that aborts makes the request at the listener fail") {
  Pair p;
  p.network.progress();
  p.active->create_queues(kLimits).value();
  p.active->connect({}).value();
  p.network.progress();
  auto passive = std::move(p.listener.requests[0]);
  passive->create_queues(kLimits).value();
  const bool accepted = GENERATE(false, true);
  if (accepted) passive->accept({}).value();
  p.active.reset();
  while (p.network.progress() > 0) {
  }
  CHECK(passive->next_event()->kind == Kind::failed);
  if (!accepted) CHECK(passive->accept({}).error().code == Errc::wrong_state);
  passive.reset();
  CHECK(p.network.ends() == 0);
}

TEST_CASE("removing a device ends its endpoints and makes its keys invalid") {
  Connected c;
  receive(*c.active, 1, c.here.sge()).value();
  c.network.remove_device(*c.network.initiator_device());
  const auto event = c.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == Kind::disconnected);
  CHECK(event->error.code == Errc::device_removed);
  CHECK(poll(*c.active).size() == 1);
  CHECK_FALSE(c.passive->next_event());
  send(*c.passive, 7, c.there.sge()).value();
  c.network.progress();
  CHECK(poll(*c.passive).at(0).status == fabric::WorkStatus::retry_exceeded);
  std::vector<std::byte> bytes(16);
  CHECK(c.network.initiator_device()->register_memory(bytes, fabric::Access::local).error().code ==
        Errc::device_removed);
  CHECK(c.network.open(c.network.initiator_device(), "disk").error().code == Errc::no_device);
}

TEST_CASE("a service has at most one listener") {
  Pair p;
  CHECK(p.network.listen("disk", p.listener, p.network.target_device()).error().code == Errc::already_exists);
  p.network.stop_listening("disk");
  CHECK(p.network.listen("disk", p.listener, p.network.target_device()).has_value());
}

TEST_CASE("the address determines the service name, and InfiniBand addresses use the 64-byte login") {
  TargetAddress address;
  address.transport = RdmaCmAddress{.host = "10.0.0.1", .port = 5555, .source_host = {}};
  CHECK(service_of(address) == "10.0.0.1:5555");
  Network network;
  Fabric fabric(network);
  CHECK(fabric.open(address, {}).value()->compact_login());
  address.transport = IbCmAddress{.dgid = {}, .sgid = {}, .pkey = 0xffff, .service_id = 0x1234};
  CHECK(service_of(address) == "service_id=0000000000001234");
  CHECK_FALSE(fabric.open(address, {}).value()->compact_login());
  CHECK(fabric.progress() == 2);
}

}  // namespace srpi::loopback::test
