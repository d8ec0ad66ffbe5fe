// SPDX-License-Identifier: Apache-2.0
// How a request's buffer may be cut up, against the built-in target.
#include <poll.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

#include "srpi/session.hpp"

using namespace srpi;

namespace {

struct Live {
  explicit Live(const SessionOptions& options)
      : session(Session::create(parse_target("ram://16M").value().address, options).value()) {
    run([&] { return session->state() != SessionState::connecting; });
    REQUIRE(session->state() == SessionState::live);
  }
  template<class Done>
  void run(Done done) {
    while (!done()) {
      if (session->poll() > 0 || !session->arm()) continue;
      pollfd wait{session->fd(), POLLIN, 0};
      REQUIRE(::poll(&wait, 1, 10000) == 1);
    }
  }
  Errc io(IoOperation operation, std::uint64_t first_block, std::uint64_t blocks,
          std::span<const Segment> data) {
    bool done = false;
    IoRequest request;
    request.operation = operation;
    request.first_block = first_block;
    request.blocks = blocks;
    request.data = data;
    request.context = &done;
    request.on_complete = [](IoRequest& r) noexcept { *static_cast<bool*>(r.context) = true; };
    session->logical_units()[0]->submit(request);
    CHECK_FALSE(done);
    run([&] { return done; });
    return request.status;
  }
  std::unique_ptr<Session> session;
};

}  // namespace

TEST_CASE("a segment that is not whole blocks is refused, because Linux's target would garble the write") {
  Live live({});
  std::vector<std::byte> bytes(4096);
  const auto memory = live.session->register_memory(bytes).value();
  const Segment cut[] = {{bytes.data(), 1000, memory.get()}, {bytes.data() + 1000, 3096, memory.get()}};
  CHECK(live.io(IoOperation::write, 0, 8, cut) == Errc::misaligned);
  CHECK(live.io(IoOperation::read, 0, 8, cut) == Errc::misaligned);
  CHECK(live.session->status().outstanding == 0);
}

TEST_CASE("a large request with many segments at odd addresses is split and has the right data") {
  SessionOptions options;
  options.max_transfer_bytes = 65536;
  options.descriptors = GENERATE(1, 3, 32);
  Live live(options);
  constexpr std::size_t kBlocks = 1517, kBytes = kBlocks * 512;
  std::vector<std::byte> out(kBytes + 100), in(kBytes + 100);
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i * 2654435761u >> 13);
  const auto from = live.session->register_memory(out).value();
  const auto to = live.session->register_memory(in).value();

  std::vector<Segment> pieces;
  for (std::size_t at = 0, blocks = 1; at < kBytes; blocks = blocks * 3 % 101 + 1) {
    const auto bytes = std::min(blocks * 512, kBytes - at);
    pieces.push_back({out.data() + 33 + at, static_cast<std::uint32_t>(bytes), from.get()});
    at += bytes;
  }
  REQUIRE(live.io(IoOperation::write, 7, kBlocks, pieces) == Errc::ok);
  const Segment whole{in.data() + 51, kBytes, to.get()};
  REQUIRE(live.io(IoOperation::read, 7, kBlocks, {&whole, 1}) == Errc::ok);
  CHECK(std::memcmp(out.data() + 33, in.data() + 51, kBytes) == 0);
}
