// SPDX-License-Identifier: Apache-2.0
// Operators' functions and futures through the Asio layer.
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "srpi/asio.hpp"

using namespace srpi;

TEST_CASE("reset and abort complete through an Asio executor") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  int resets = 0, aborts = 0;
  boost::system::error_code early;
  session.async_connect(
      parse_target("ram://1M").value().address, {}, [&](boost::system::error_code e, std::size_t) {
        REQUIRE_FALSE(e);
        session.async_reset(session.unit(0), [&](boost::system::error_code reset, std::size_t) {
          CHECK_FALSE(reset);
          ++resets;
          session.async_abort(session.unit(0), [&](boost::system::error_code abort, std::size_t) {
            CHECK_FALSE(abort);
            ++aborts;
            loop.stop();
          });
        });
      });
  loop.run_for(std::chrono::seconds(10));
  CHECK(resets == 1);
  CHECK(aborts == 1);
}

TEST_CASE("abort also ends operations that wait for the Asio layer's buffers") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  std::vector<std::byte> bytes(AsyncSession::kMaxTransferBytes);
  int done = 0, cancelled = 0;
  session.async_connect(
      parse_target("ram://8M").value().address, {}, [&](boost::system::error_code e, std::size_t) {
        REQUIRE_FALSE(e);
        for (int i = 0; i < 3; ++i)  // each takes the whole pool
          session.async_read(session.unit(0), 0, boost::asio::buffer(bytes),
                             [&](boost::system::error_code io, std::size_t) {
                               ++done;
                               if (io == Errc::cancelled) ++cancelled;
                             });
        session.async_abort(session.unit(0), [&](boost::system::error_code, std::size_t) { loop.stop(); });
      });
  loop.run_for(std::chrono::seconds(10));
  loop.restart();
  loop.poll();
  CHECK(done == 3);
  CHECK(cancelled >= 2);
}

TEST_CASE("futures return the bytes or throw the error") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  const auto wait_for = [&](auto future) {
    for (int i = 0; i < 1000 && future.wait_for(std::chrono::seconds(0)) != std::future_status::ready; ++i)
      loop.run_one_for(std::chrono::seconds(1));
    return future.get();
  };
  CHECK(wait_for(session.async_connect(parse_target("ram://1M").value().address, {},
                                       boost::asio::use_future)) == 0);
  std::vector<std::byte> bytes(4096);
  CHECK(wait_for(session.async_read(session.unit(0), 0, boost::asio::buffer(bytes),
                                    boost::asio::use_future)) == 4096);
  try {
    (void)wait_for(
        session.async_read(session.unit(0), 1 << 20, boost::asio::buffer(bytes), boost::asio::use_future));
    FAIL("a read beyond the end went well");
  } catch (const boost::system::system_error& error) {
    CHECK(error.code() == Errc::out_of_range);
  }
}
