// SPDX-License-Identifier: Apache-2.0
// A session outlives its connection: after a disconnect I/O fails at once, after a reconnect the same unit works.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <cstring>
#include <srpi/asio.hpp>
#include <vector>

namespace asio = boost::asio;

asio::awaitable<void> run(srpi::Target target) {
  srpi::AsyncSession session(co_await asio::this_coro::executor);
  co_await session.async_connect(target.address, target.overrides.applied_to({}), asio::use_awaitable);
  auto& unit = session.unit(0);  // stays valid until the session is erased

  std::vector<char> block(unit.info().block_size);
  std::ranges::copy("still here", block.begin());
  co_await session.async_write(unit, 7, asio::buffer(block), asio::use_awaitable);

  session.disconnect().value();
  boost::system::error_code error;
  co_await session.async_read(unit, 7, asio::buffer(block), asio::redirect_error(asio::use_awaitable, error));
  std::printf("disconnected: %s\n", error.message().c_str());
  if (error != srpi::make_error_code(srpi::Errc::no_connect))
    throw std::runtime_error("expected: not connected");

  co_await session.async_reconnect(asio::use_awaitable);
  std::fill(block.begin(), block.end(), 0);
  co_await session.async_read(unit, 7, asio::buffer(block), asio::use_awaitable);
  std::printf("reconnected: %s\n", block.data());
  if (std::strcmp(block.data(), "still here") != 0) throw std::runtime_error("wrong data");
}

int main(int argc, char** argv) {
  try {
    asio::io_context loop(1);
    auto done =
        asio::co_spawn(loop, run(srpi::parse_target(argc > 1 ? argv[1] : "").value()), asio::use_future);
    loop.run();
    done.get();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "ride_out_disconnect: %s\n", e.what());
    return 1;
  }
}
