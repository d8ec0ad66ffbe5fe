// SPDX-License-Identifier: Apache-2.0
// Copies the target's first logical unit to its second with coroutines, several at a time.   copy_lun TARGET
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <srpi/asio.hpp>
#include <vector>

namespace asio = boost::asio;
using namespace asio::experimental::awaitable_operators;

// Copies every `stride`-th chunk, starting with chunk `first`.
asio::awaitable<void> copy(srpi::AsyncSession& session, std::uint64_t first, std::uint64_t stride) {
  auto& from = session.unit(0);
  auto& to = session.unit(1);
  const auto block_size = from.info().block_size;
  const std::uint64_t blocks = std::min(from.info().blocks, to.info().blocks);
  const std::uint64_t chunk = (256u << 10) / block_size;
  std::vector<std::byte> buffer(chunk * block_size);
  for (auto at = first * chunk; at < blocks; at += stride * chunk) {
    const auto bytes = std::min(chunk, blocks - at) * block_size;
    co_await session.async_read(from, at, asio::buffer(buffer.data(), bytes), asio::use_awaitable);
    co_await session.async_write(to, at, asio::buffer(buffer.data(), bytes), asio::use_awaitable);
  }
}

asio::awaitable<void> run(srpi::Target target) {
  srpi::AsyncSession session(co_await asio::this_coro::executor);
  co_await session.async_connect(target.address, target.overrides.applied_to({}), asio::use_awaitable);
  if (session.session().logical_units().size() < 2)
    throw std::runtime_error("the target has fewer than two units");
  co_await (copy(session, 0, 4) && copy(session, 1, 4) && copy(session, 2, 4) && copy(session, 3, 4));
  co_await session.async_flush(session.unit(1), asio::use_awaitable);
  std::printf("copied %llu MiB\n",
              static_cast<unsigned long long>(session.session().status().written_bytes >> 20));
}

int main(int argc, char** argv) {
  try {
    asio::io_context loop(1);
    auto done =
        asio::co_spawn(loop, run(srpi::parse_target(argc > 1 ? argv[1] : "").value()), asio::use_future);
    loop.run();
    done.get();
  } catch (const std::exception& e) {
    std::fprintf(stderr, "copy_lun: %s\n", e.what());
    return 1;
  }
}
