// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "support.hpp"

namespace srpi::loopback::test {

using fabric::SendOpcode;
using fabric::WorkStatus;

TEST_CASE("sends arrive in order, and complete on both sides") {
  Connected c;
  for (std::uint64_t i = 0; i < 4; ++i) receive(*c.passive, 100 + i, c.there.sge(64 * i, 64)).value();
  c.here.set("abcd");
  for (std::uint64_t i = 0; i < 4; ++i) send(*c.active, i, c.here.sge(i, 1)).value();
  CHECK(poll(*c.passive).empty());  // posting delivers nothing
  CHECK(c.passive->arm());
  CHECK(c.network.progress() == 4);
  CHECK_FALSE(c.passive->arm());
  const auto sent = poll(*c.active);
  const auto received = poll(*c.passive);
  REQUIRE(sent.size() == 4);
  REQUIRE(received.size() == 4);
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(sent[i].id == i);
    CHECK_FALSE(sent[i].receive);
    CHECK(received[i].id == 100 + i);
    CHECK(received[i].receive);
    CHECK(received[i].bytes == 1);
    CHECK(static_cast<char>(c.there.bytes[64 * i]) == static_cast<char>('a' + i));
  }
}

TEST_CASE("several SGEs are gathered, and post_send copies inline data") {
  Connected c;
  receive(*c.passive, 1, c.there.sge()).value();
  receive(*c.passive, 2, c.there.sge(100, 100)).value();
  c.here.set("hello world");
  const fabric::Sge parts[] = {c.here.sge(6, 5), c.here.sge(0, 5)};
  const fabric::SendWork work{.id = 1, .sges = parts, .signaled = true};
  c.active->post_send({&work, 1}).value();
  char local[] = "inline";
  const fabric::Sge unregistered{reinterpret_cast<std::byte*>(local), 6, 0};
  const fabric::SendWork inlined{.id = 2, .sges = {&unregistered, 1}, .signaled = true, .inlined = true};
  c.active->post_send({&inlined, 1}).value();
  local[0] = 'X';
  c.network.progress();
  CHECK(c.there.text(10) == "worldhello");
  CHECK(std::memcmp(c.there.bytes.data() + 100, "inline", 6) == 0);
  const fabric::Sge too_much = c.here.sge(0, 65);
  const fabric::SendWork big{.id = 3, .sges = {&too_much, 1}, .inlined = true};
  CHECK(c.active->inline_bytes() == 64);
  CHECK(c.active->post_send({&big, 1}).error().code == Errc::invalid_argument);
}

TEST_CASE("a message waits until a receive is posted") {
  Connected c;
  send(*c.active, 1, c.here.sge(0, 4)).value();
  send(*c.active, 2, c.here.sge(0, 4)).value();
  CHECK(c.network.progress() == 0);
  CHECK(poll(*c.active).empty());
  receive(*c.passive, 9, c.there.sge()).value();
  CHECK(c.network.progress() == 1);
  CHECK(c.network.progress() == 0);
  CHECK(poll(*c.active).size() == 1);
  receive(*c.passive, 10, c.there.sge()).value();
  CHECK(c.network.progress() == 1);
  CHECK(poll(*c.active).at(0).id == 2);
}

TEST_CASE("at the limit of RNR retries only the sender fails") {
  Connected c({.rnr_retry_count = 2});
  send(*c.active, 1, c.here.sge(0, 4)).value();
  CHECK(c.network.progress() == 1);
  CHECK(c.network.progress() == 1);
  CHECK(poll(*c.active).empty());
  CHECK(c.network.progress() == 1);
  CHECK(poll(*c.active).at(0).status == WorkStatus::rnr_exceeded);
  CHECK(c.network.progress() == 0);
  receive(*c.passive, 1, c.there.sge()).value();
  CHECK(poll(*c.passive).empty());
  // Later work requests are flushed.
  send(*c.active, 2, c.here.sge()).value();
  receive(*c.active, 3, c.here.sge()).value();
  const auto flushed = poll(*c.active);
  REQUIRE(flushed.size() == 2);
  CHECK(flushed[0].status == WorkStatus::flushed);
  CHECK(flushed[1].status == WorkStatus::flushed);
}

TEST_CASE("unsignaled sends keep their slots until the completion of a later signaled send is polled") {
  Connected c;
  for (std::uint64_t i = 0; i < 8; ++i) receive(*c.passive, i, c.there.sge()).value();
  for (std::uint64_t i = 0; i < 7; ++i) send(*c.active, i, c.here.sge(0, 1), false).value();
  c.network.progress();
  CHECK(poll(*c.active).empty());
  send(*c.active, 7, c.here.sge(0, 1), true).value();
  CHECK(send(*c.active, 8, c.here.sge(0, 1), true).error().code == Errc::no_memory);
  c.network.progress();
  CHECK(send(*c.active, 8, c.here.sge(0, 1), true).error().code ==
        Errc::no_memory);  // the completion is not polled yet
  CHECK(poll(*c.active).at(0).id == 7);
  CHECK(send(*c.active, 8, c.here.sge(0, 1), true).has_value());
  CHECK(receive(*c.passive, 8, c.there.sge()).error().code == Errc::no_memory);
  CHECK(poll(*c.passive).size() == 8);
  CHECK(receive(*c.passive, 8, c.there.sge()).has_value());
}

TEST_CASE("RDMA READ and WRITE transfer bytes without a call by the peer") {
  Connected c;
  c.here.set("data of the initiator");
  rdma(*c.passive, 1, SendOpcode::rdma_read, c.there.sge(0, 21), c.here.address(), c.here.region->rkey())
      .value();
  rdma(*c.passive, 2, SendOpcode::rdma_write, c.there.sge(0, 4), c.here.address(4092), c.here.region->rkey())
      .value();
  c.network.progress();
  const auto done = poll(*c.passive);
  REQUIRE(done.size() == 2);
  CHECK(done[1].status == WorkStatus::success);
  CHECK(c.there.text(21) == "data of the initiator");
  CHECK(std::memcmp(c.here.bytes.data() + 4092, "data", 4) == 0);
  CHECK(poll(*c.active).empty());
}

TEST_CASE("RDMA outside of a region or with an invalid key is a remote access error and ends both sides") {
  Connected c;
  Buffer local_only(*c.network.initiator_device(), 64, fabric::Access::local);
  Buffer other_device(*c.network.target_device(), 64);
  receive(*c.active, 5, c.here.sge()).value();
  struct Case {
    const char* what;
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint32_t rkey;
  };
  const auto rkey = c.here.region->rkey();
  const Case cases[] = {{"one byte beyond", c.here.address(4093), 4, rkey},
                        {"before", c.here.address() - 1, 4, rkey},
                        {"wraps", ~std::uint64_t{0} - 1, 4, rkey},
                        {"the lkey", c.here.address(), 4, c.here.region->lkey()},
                        {"key of another device", other_device.address(), 4, other_device.region->rkey()},
                        {"region without remote access", local_only.address(), 4, local_only.region->rkey()},
                        {"key zero", c.here.address(), 4, 0},
                        {"next generation", c.here.address(), 4, rkey + 0x10000}};
  const Case& test = cases[GENERATE(0, 1, 2, 3, 4, 5, 6, 7)];
  const auto opcode = GENERATE(SendOpcode::rdma_read, SendOpcode::rdma_write);
  CAPTURE(test.what);
  rdma(*c.passive, 1, opcode, c.there.sge(0, test.bytes), test.address, test.rkey).value();
  send(*c.passive, 2, c.there.sge(0, 4)).value();
  c.network.progress();
  const auto done = poll(*c.passive);
  REQUIRE(done.size() == 2);
  CHECK(done[0].status == WorkStatus::remote_access);
  CHECK(done[1].status == WorkStatus::flushed);
  CHECK(poll(*c.active).at(0).status == WorkStatus::flushed);
  const auto event = c.active->next_event();
  REQUIRE(event);
  CHECK(event->kind == fabric::ConnectionEvent::Kind::disconnected);
  CHECK(event->error.code == Errc::protocol_error);
  CHECK_FALSE(c.active->next_event());
}

TEST_CASE("a deregistered region cannot be accessed, and its slot's next key differs") {
  Connected c;
  const auto old_key = c.here.region->rkey();
  std::vector<std::byte> bytes(64);
  const auto address = reinterpret_cast<std::uintptr_t>(bytes.data());
  std::uint32_t key = 0;
  for (int i = 0; i < 1000; ++i) {
    auto region = c.network.initiator_device()->register_memory(bytes, fabric::Access::remote).value();
    CHECK(region->rkey() != key);
    CHECK(region->rkey() != old_key);
    CHECK(region->rkey() != region->lkey());
    key = region->rkey();
  }
  rdma(*c.passive, 1, SendOpcode::rdma_write, c.there.sge(0, 4), address, key).value();
  c.network.progress();
  CHECK(poll(*c.passive).at(0).status == WorkStatus::remote_access);
}

TEST_CASE("an invalid lkey is a local error") {
  Connected c;
  receive(*c.passive, 1, c.there.sge()).value();
  auto sge = c.here.sge(0, 16);
  const int kind = GENERATE(0, 1, 2);
  if (kind == 0) sge.lkey = c.there.region->lkey();
  if (kind == 1) sge.lkey = c.here.region->rkey();
  if (kind == 2) sge.address += 4090;
  send(*c.active, 1, sge).value();
  c.network.progress();
  CHECK(poll(*c.active).at(0).status == WorkStatus::local_error);
  CHECK(poll(*c.passive).empty());
}

TEST_CASE("a message larger than its receive fails on both sides") {
  Connected c;
  receive(*c.passive, 1, c.there.sge(0, 16)).value();
  receive(*c.passive, 2, c.there.sge(16, 16)).value();
  send(*c.active, 3, c.here.sge(0, 17)).value();
  c.network.progress();
  const auto received = poll(*c.passive);
  REQUIRE(received.size() == 2);
  CHECK(received[0].status == WorkStatus::local_error);
  CHECK(received[1].status == WorkStatus::flushed);
  CHECK(poll(*c.active).at(0).status == WorkStatus::remote_operation);
}

TEST_CASE("a receive with an invalid key fails on both sides") {
  Connected c;
  {
    Buffer gone(*c.network.target_device(), 64);
    receive(*c.passive, 1, gone.sge()).value();
  }
  send(*c.active, 3, c.here.sge(0, 17)).value();
  c.network.progress();
  CHECK(poll(*c.passive).at(0).status == WorkStatus::local_error);
  CHECK(poll(*c.active).at(0).status == WorkStatus::remote_operation);
}

TEST_CASE("RDMA READs without responder resources fail") {
  Connected c({.responder_resources = 0});
  rdma(*c.passive, 1, SendOpcode::rdma_read, c.there.sge(0, 4), c.here.address(), c.here.region->rkey())
      .value();
  c.network.progress();
  CHECK(poll(*c.passive).at(0).status == WorkStatus::remote_operation);
}

TEST_CASE("too many SGEs are refused, and an empty list is accepted") {
  Connected c;
  const fabric::Sge sges[] = {c.here.sge(0, 1), c.here.sge(1, 1), c.here.sge(2, 1)};
  const fabric::SendWork work{.id = 1, .sges = sges};
  CHECK(c.active->post_send({&work, 1}).error().code == Errc::invalid_argument);
  CHECK(c.active->post_send({}).has_value());
  CHECK(c.network.progress() == 0);
}

TEST_CASE("a message of 0 bytes is delivered") {
  Connected c;
  receive(*c.passive, 1, {}).value();
  const fabric::SendWork work{.id = 1, .signaled = true};
  c.active->post_send({&work, 1}).value();
  c.network.progress();
  CHECK(poll(*c.passive).at(0).bytes == 0);
  CHECK(poll(*c.active).at(0).status == WorkStatus::success);
}

TEST_CASE("the rings wrap around many times") {
  Connected c;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    receive(*c.passive, i, c.there.sge()).value();
    send(*c.active, i, c.here.sge(0, 8), i % 3 == 2).value();
    c.network.progress();
    CHECK(poll(*c.passive).at(0).id == i);
    if (i % 3 == 2) CHECK(poll(*c.active).at(0).id == i);
  }
}

}  // namespace srpi::loopback::test
