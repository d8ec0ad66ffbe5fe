// SPDX-License-Identifier: Apache-2.0
// Memory of a wrong session, or of none any more, costs the requests that use it, and nothing else.
#include <catch2/catch.hpp>
#include <memory>
#include <vector>

#include "srpi/session.hpp"

using namespace srpi;

namespace {

std::unique_ptr<Session> live_session() {
  auto session = Session::create(parse_target("ram://1M").value().address).value();
  while (session->state() == SessionState::connecting) session->poll();
  REQUIRE(session->state() == SessionState::live);
  return session;
}

Errc read_into(Session& session, const std::byte* address, const Memory& memory) {
  const Segment segment{const_cast<std::byte*>(address), 4096, &memory};
  int completions = 0;
  IoRequest request;
  request.blocks = 8;
  request.data = {&segment, 1};
  request.context = &completions;
  request.on_complete = [](IoRequest& r) noexcept { ++*static_cast<int*>(r.context); };
  CHECK(session.logical_units()[0]->submit(request) == Errc::ok);
  CHECK(completions == 0);
  while (completions == 0) session.poll();
  CHECK(session.poll() == 0);
  CHECK(completions == 1);
  return request.status;
}

}  // namespace

TEST_CASE("a segment in another session's memory is refused, and both sessions live on") {
  std::vector<std::byte> mine(4096), others(4096);
  const auto session = live_session(), another = live_session();
  const auto memory = session->register_memory(mine).value();
  const auto other_memory = another->register_memory(others).value();
  CHECK(read_into(*session, others.data(), *other_memory) == Errc::not_registered);
  CHECK(read_into(*another, mine.data(), *memory) == Errc::not_registered);
  CHECK(read_into(*session, mine.data(), *memory) == Errc::ok);
  CHECK(read_into(*another, others.data(), *other_memory) == Errc::ok);
  for (const auto* s : {session.get(), another.get()}) {
    CHECK(s->status().losses == 0);
    CHECK(s->state() == SessionState::live);
  }
}

TEST_CASE("bytes that two sessions have registered are reached by each over its own memory") {
  std::vector<std::byte> bytes(4096);
  const auto session = live_session(), another = live_session();
  const auto memory = session->register_memory(bytes).value();
  const auto other_memory = another->register_memory(bytes).value();
  CHECK(read_into(*session, bytes.data(), *other_memory) == Errc::not_registered);
  CHECK(read_into(*session, bytes.data(), *memory) == Errc::ok);
  CHECK(read_into(*another, bytes.data(), *other_memory) == Errc::ok);
}

TEST_CASE("memory that outlives its session is detached: no session takes it, and it may be destroyed") {
  std::vector<std::byte> bytes(4096);
  std::unique_ptr<Memory> memory;
  SECTION("a session that was live") {
    auto session = live_session();
    memory = session->register_memory(bytes).value();
    CHECK(memory->rkey() != 0);
    CHECK(read_into(*session, bytes.data(), *memory) == Errc::ok);
  }
  SECTION("a session that never connected") {
    auto session = Session::create(parse_target("ram://1M").value().address).value();
    memory = session->register_memory(bytes).value();
  }
  SECTION("a session that was erased before") {
    auto session = live_session();
    memory = session->register_memory(bytes).value();
    session->erase();
  }
  CHECK(memory->lkey() == 0);
  CHECK(memory->rkey() == 0);
  CHECK(memory->bytes().data() == bytes.data());
  const auto later = live_session();  // it may be where the other was
  CHECK(read_into(*later, bytes.data(), *memory) == Errc::not_registered);
  const auto again = later->register_memory(bytes).value();
  CHECK(read_into(*later, bytes.data(), *again) == Errc::ok);
}

TEST_CASE("members in their natural order, session first, may be destroyed in any order") {
  struct Program {
    std::unique_ptr<Session> session = live_session();
    std::vector<std::byte> bytes = std::vector<std::byte>(4096);
    std::unique_ptr<Memory> first = session->register_memory(bytes).value();
    std::unique_ptr<Memory> second = session->register_memory(bytes).value();
  } program;
  SECTION("memory first") {}
  SECTION("session first") { program.session.reset(); }
  SECTION("session in between") {
    program.second.reset();
    program.session.reset();
  }
}

TEST_CASE("a segment outside its memory, or without one, is refused") {
  std::vector<std::byte> bytes(3 * 4096);
  const auto session = live_session();
  const auto memory = session->register_memory(std::span(bytes).subspan(4096, 4096)).value();
  for (const std::size_t at : {0, 1, 4095, 4097, 8192}) {
    INFO(at);
    CHECK(read_into(*session, bytes.data() + at, *memory) == Errc::not_registered);
  }
  CHECK(read_into(*session, bytes.data() + 4096, *memory) == Errc::ok);
  CHECK(read_into(*session, nullptr, *memory) == Errc::not_registered);
}

TEST_CASE("no bytes can't be registered, nor any with an erased session") {
  std::vector<std::byte> bytes(4096);
  const auto session = live_session();
  CHECK(session->register_memory({}).error().code == Errc::invalid_argument);
  session->erase();
  CHECK(session->register_memory(bytes).error().code == Errc::wrong_state);
}
