// SPDX-License-Identifier: Apache-2.0
// Runs work on a lane's thread and waits for the result, for tests that are no coroutines.
#pragma once

#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "lane/lane.hpp"

template<class F>
auto call_on_lane(srp_nbd::Lane& lane, F work) -> std::invoke_result_t<F, srpi::Session&> {
  using Work = std::packaged_task<std::invoke_result_t<F, srpi::Session&>(srpi::Session&)>;
  const auto packaged = std::make_shared<Work>(std::move(work));  // either thread may be the last owner
  auto result = packaged->get_future();
  lane.post([packaged](srpi::Session& session) { (*packaged)(session); });
  return result.get();
}
