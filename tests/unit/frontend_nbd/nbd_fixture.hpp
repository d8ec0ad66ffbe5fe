// SPDX-License-Identifier: Apache-2.0
// A lane over a fake session, and the client's end of an NBD connection to it.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <vector>

#include "frontend/nbd/serve.hpp"
#include "nbd/transmission.hpp"
#include "test/call_on_lane.hpp"
#include "test/closed_connections.hpp"
#include "test/fake_session.hpp"

namespace nbd = srp_nbd::nbd;

// NBD's error numbers, which are Linux's.
inline constexpr std::uint32_t kEIO = 5, kEPERM = 1, kEINVAL = 22, kENOSPC = 28;

inline std::vector<std::byte> pattern(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> data(bytes);
  std::mt19937 random(seed);
  for (auto& b : data) b = static_cast<std::byte>(random());
  return data;
}

struct Client {
  srp_nbd::UniqueFd fd;

  void send(const void* data, std::size_t bytes) const {
    const auto* p = static_cast<const char*>(data);
    while (bytes > 0) {
      const auto n = ::send(fd.get(), p, bytes, MSG_NOSIGNAL);
      REQUIRE(n > 0);
      p += n;
      bytes -= static_cast<std::size_t>(n);
    }
  }
  // Returns false if the server has closed the connection.
  bool receive(void* data, std::size_t bytes) const {
    auto* p = static_cast<char*>(data);
    while (bytes > 0) {
      const auto n = ::recv(fd.get(), p, bytes, 0);
      if (n <= 0) return false;
      p += n;
      bytes -= static_cast<std::size_t>(n);
    }
    return true;
  }
  void request(nbd::Command command, std::uint64_t cookie, std::uint64_t offset, std::uint32_t length,
               std::uint16_t flags = 0) const {
    const nbd::RequestHeader h{
        nbd::kRequestMagic, flags, static_cast<std::uint16_t>(command), cookie, offset, length};
    send(&h, sizeof h);
  }
  std::uint32_t reply(std::uint64_t cookie) const {
    nbd::SimpleReply r;
    REQUIRE(receive(&r, sizeof r));
    REQUIRE(std::uint32_t{r.magic} == nbd::kSimpleReplyMagic);
    REQUIRE(std::uint64_t{r.cookie} == cookie);
    return r.error;
  }
};

struct LaneFixture {
  explicit LaneFixture(std::uint64_t blocks = 65536, srp_nbd::LaneOptions options = {}) {
    auto observer = std::make_unique<ClosedConnections>([this](std::uint64_t id, const srpi::Error& why) {
      const std::lock_guard lock(mutex);
      closed[id] = why.code;
      changed.notify_all();
    });
    auto started = srp_nbd::Lane::start(
        [this, blocks](srpi::SessionObserver*) -> srpi::Result<std::unique_ptr<srpi::Session>> {
          auto s = std::make_unique<FakeSession>(blocks);
          fake = s.get();
          return std::unique_ptr<srpi::Session>(std::move(s));
        },
        std::move(observer), options);
    REQUIRE(started.has_value());
    lane = std::move(*started);
  }
  Client connect(std::uint64_t id = 1, std::uint64_t lun = 0, int send_buffer_bytes = 0,
                 std::uint32_t max_request_bytes = 8u << 20) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    srp_nbd::UniqueFd ours(ends[0]), clients(ends[1]);
    const timeval limit{20, 0};
    ::setsockopt(clients.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(clients.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (send_buffer_bytes > 0)
      ::setsockopt(ours.get(), SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
    srp_nbd::serve_nbd(*lane, id, std::move(ours), lun, max_request_bytes);
    return Client{std::move(clients)};
  }
  srpi::Errc wait_closed(std::uint64_t id) {
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return closed.contains(id); }));
    return closed[id];
  }
  template<class F>
  auto with_fake(F f) {
    return call_on_lane(*lane, [&](srpi::Session& s) { return f(static_cast<FakeSession&>(s)); });
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint64_t, srpi::Errc> closed;
  FakeSession* fake = nullptr;
  std::unique_ptr<srp_nbd::Lane> lane;
};
