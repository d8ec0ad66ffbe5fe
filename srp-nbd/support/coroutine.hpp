// SPDX-License-Identifier: Apache-2.0
// Rules for the daemon's coroutines.
//
// All of them run on one thread, the main thread, and on one executor. Nothing else runs there between two
// co_awaits. Across a co_await a coroutine keeps alive only what its frame holds: parameters by value,
// locals, and `const auto self = shared_from_this()`. A frame that is suspended when the io_context goes is
// destroyed with it. g++ 12 destroys a braced temporary in an expression with co_await twice: give such an
// argument a name first.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>

namespace srp_nbd {

// Runs `work` concurrently with the caller. On the executor's thread it starts at once, and the call returns
// when `work` waits for the first time. An exception from `work` ends the process.
void spawn(boost::asio::any_io_executor, boost::asio::awaitable<void> work);

[[nodiscard]] boost::asio::awaitable<void> pause(std::chrono::steady_clock::duration);

}  // namespace srp_nbd
