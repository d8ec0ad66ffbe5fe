// SPDX-License-Identifier: Apache-2.0
// Operators' functions through the Asio layer.
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "srpi/asio.hpp"

using namespace srpi;

TEST_CASE("reset and abort complete through an Asio executor") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  int resets = 0, aborts = 0;
  boost::system::error_code early;
  session.async_connect(
      TargetAddress::parse("ram://1M").value(), {}, [&](boost::system::error_code e, std::size_t) {
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

TEST_CASE("abort also ends what waits for the Asio layer's buffers") {
  boost::asio::io_context loop;
  AsyncSession session(loop.get_executor());
  std::vector<std::byte> bytes(AsyncSession::kMaxTransferBytes);
  int done = 0, cancelled = 0;
  session.async_connect(
      TargetAddress::parse("ram://8M").value(), {}, [&](boost::system::error_code e, std::size_t) {
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
