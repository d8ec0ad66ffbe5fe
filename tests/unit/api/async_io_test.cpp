// SPDX-License-Identifier: Apache-2.0
// Block operations through the Asio layer.
#include <array>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <optional>
#include <vector>

#include "srpi/asio.hpp"
#include "srpi/ram_target.hpp"

using namespace srpi;

namespace {

class Disk {
 public:
  explicit Disk(const char* target = "ram://8M") {
    CHECK(ok([&](auto handler) {
      session.async_connect(parse_target(target).value().address, options(), std::move(handler));
    }));
  }
  static SessionOptions options() {
    SessionOptions o;
    o.reconnect_delay = Milliseconds(10);
    return o;
  }
  template<class Start>
  boost::system::error_code run(Start start) {
    std::optional<boost::system::error_code> code;
    start([&](boost::system::error_code error, std::size_t n) {
      code = error;
      bytes = n;
    });
    for (int i = 0; i < 1000 && !code; ++i) {
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds(100));
    }
    REQUIRE(code.has_value());
    return *code;
  }
  template<class Start>
  bool ok(Start start) {
    return !run(start);
  }
  std::vector<char> read(std::uint64_t first_block, std::size_t size) {
    std::vector<char> result(size, '?');
    CHECK(ok([&](auto handler) {
      session.async_read(session.unit(0), first_block, boost::asio::buffer(result), std::move(handler));
    }));
    CHECK(bytes == size);
    return result;
  }
  void fill(char value, std::uint64_t first_block, std::size_t size) {
    const std::vector<char> data(size, value);
    CHECK(ok([&](auto handler) {
      session.async_write(session.unit(0), first_block, boost::asio::buffer(data), std::move(handler));
    }));
  }

  boost::asio::io_context loop;
  AsyncSession session{loop.get_executor()};
  std::size_t bytes = 0;
};

}  // namespace

TEST_CASE("a sequence of buffers is read and written in its order, wherever its parts end") {
  Disk disk;
  std::vector<char> head(100, 'a'), middle(300001, 'b'), tail(512 * 600 - 300101, 'c');
  const std::array<boost::asio::const_buffer, 4> out{boost::asio::buffer(head), boost::asio::buffer(middle),
                                                     boost::asio::const_buffer(), boost::asio::buffer(tail)};
  CHECK(disk.ok([&](auto handler) {
    disk.session.async_write_through(disk.session.unit(0), 3, out, std::move(handler));
  }));
  CHECK(disk.bytes == 512 * 600);
  const auto all = disk.read(3, 512 * 600);
  for (std::size_t i = 0; i < all.size(); ++i) REQUIRE(all[i] == (i < 100 ? 'a' : i < 300101 ? 'b' : 'c'));

  std::vector<char> first(7), rest(512 * 600 - 7);
  const std::vector<boost::asio::mutable_buffer> in{boost::asio::buffer(first), boost::asio::buffer(rest)};
  CHECK(disk.ok(
      [&](auto handler) { disk.session.async_read(disk.session.unit(0), 3, in, std::move(handler)); }));
  CHECK(first == std::vector<char>(7, 'a'));
  CHECK(std::equal(rest.begin(), rest.end(), all.begin() + 7));
}

TEST_CASE("write_zeroes and unmap of a range leave its neighbours alone") {
  Disk disk;
  for (const bool unmap : {false, true}) {
    disk.fill('x', 0, 512 * 24);
    CHECK(disk.ok([&](auto handler) {
      auto& unit = disk.session.unit(0);
      if (unmap)
        disk.session.async_unmap(unit, 8, 8, std::move(handler));
      else
        disk.session.async_write_zeroes(unit, 8, 8, std::move(handler));
    }));
    CHECK(disk.bytes == 0);
    const auto all = disk.read(0, 512 * 24);
    for (std::size_t i = 0; i < all.size(); ++i)
      REQUIRE(all[i] == (i < 512 * 8 || i >= 512 * 16 ? 'x' : '\0'));
  }
}

TEST_CASE("a transfer that is too large, not whole blocks, empty or beyond the end is an error of its own") {
  Disk disk;
  const auto read = [&](std::uint64_t at, std::size_t size) {
    std::vector<char> buffer(size);
    return disk.run([&](auto handler) {
      disk.session.async_read(disk.session.unit(0), at, boost::asio::buffer(buffer), std::move(handler));
    });
  };
  CHECK_FALSE(read(0, AsyncSession::kMaxTransferBytes));
  CHECK(read(0, AsyncSession::kMaxTransferBytes + 512) == Errc::too_large);
  CHECK(read(0, 511) == Errc::misaligned);
  CHECK(read(0, 0) == Errc::invalid_argument);
  CHECK(read(16384, 512) == Errc::out_of_range);
  CHECK(disk.run([&](auto handler) {
    disk.session.async_unmap(disk.session.unit(0), 0, 0, std::move(handler));
  }) == Errc::invalid_argument);
}

TEST_CASE(
    "async_wait completes in the state that it waits for, or when the session can't reach it any more") {
  Disk disk;
  CHECK(disk.ok([&](auto handler) { disk.session.async_wait(SessionState::live, std::move(handler)); }));
  set_ram_target_online(disk.session.session(), false).value();
  CHECK(disk.ok(
      [&](auto handler) { disk.session.async_wait(SessionState::disconnected, std::move(handler)); }));
  set_ram_target_online(disk.session.session(), true).value();
  CHECK(disk.ok([&](auto handler) { disk.session.async_wait(SessionState::live, std::move(handler)); }));

  std::optional<boost::system::error_code> lost, erased;
  disk.session.async_wait(SessionState::recovering, [&](auto error, std::size_t) { lost = error; });
  disk.session.async_wait(SessionState::erased, [&](auto error, std::size_t) { erased = error; });
  disk.loop.restart();
  disk.loop.poll();
  CHECK_FALSE(lost.has_value());
  disk.session.erase();
  disk.loop.restart();
  disk.loop.poll();
  REQUIRE(lost.has_value());
  CHECK(*lost == Errc::no_connect);
  REQUIRE(erased.has_value());
  CHECK_FALSE(*erased);
}
