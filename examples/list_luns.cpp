// SPDX-License-Identifier: Apache-2.0
// Logs in to a target and lists its logical units:   list_luns 'srp://192.0.2.1:5555/?id_ext=…&ioc_guid=…'
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdio>
#include <srpi/asio.hpp>

namespace asio = boost::asio;

asio::awaitable<int> list(srpi::Target target) {
  srpi::AsyncSession session(co_await asio::this_coro::executor);
  boost::system::error_code error;
  co_await session.async_connect(target.address, target.overrides.applied_to({}),
                                 asio::redirect_error(asio::use_awaitable, error));
  if (error) {
    std::fprintf(stderr, "%s\n", session.why().message().c_str());
    co_return 1;
  }
  for (const auto& unit : session.session().logical_units()) {
    const auto& info = unit->info();
    std::printf("LUN %llu: %s %s, %llu blocks of %u bytes, %s\n", static_cast<unsigned long long>(info.lun),
                info.vendor.c_str(), info.product.c_str(), static_cast<unsigned long long>(info.blocks),
                info.block_size, info.wwid.c_str());
  }
  co_return 0;
}

int main(int argc, char** argv) {
  const auto target = srpi::parse_target(argc > 1 ? argv[1] : "");
  if (!target) return std::fprintf(stderr, "%s\n", target.error().message().c_str()), 2;
  asio::io_context loop(1);
  auto status = asio::co_spawn(loop, list(*target), asio::use_future);
  loop.run();
  return status.get();
}
