// SPDX-License-Identifier: Apache-2.0
// What coroutines return, for tests that are none.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <utility>
#include <vector>

// Runs `work` on `io`, and puts what it returns at the end of `results`, which must outlive it.
template<class T>
void collect(boost::asio::io_context& io, std::vector<T>& results, boost::asio::awaitable<T> work) {
  boost::asio::co_spawn(io, std::move(work), [&results](std::exception_ptr error, T result) {
    if (error) std::rethrow_exception(error);
    results.push_back(std::move(result));
  });
}
