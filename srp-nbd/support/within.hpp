// SPDX-License-Identifier: Apache-2.0
// A deadline for a coroutine or an asynchronous operation.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "support/coroutine.hpp"

namespace srp_nbd {

// Returns nullopt if `work` did not end in time. `work` is then cancelled, and has ended when this returns.
template<class T>
[[nodiscard]] boost::asio::awaitable<std::optional<T>> within(std::chrono::steady_clock::duration time,
                                                              boost::asio::awaitable<T> work) {
  using namespace boost::asio::experimental::awaitable_operators;
  auto first = co_await (std::move(work) || pause(time));
  if (first.index() == 1) co_return std::nullopt;
  co_return std::get<0>(std::move(first));
}

}  // namespace srp_nbd
