// SPDX-License-Identifier: Apache-2.0
// Asks a session something on its lane's thread, and delivers the answer to the home executor.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <type_traits>
#include <utility>

#include "lane/lane.hpp"
#include "support/coroutine.hpp"

namespace srp_nbd {

// Posts the question at once. After Lane::end there is no answer.
template<class Question>
[[nodiscard]] auto ask_lane(Lane& lane, boost::asio::any_io_executor home, Question question) {
  const Answer<std::invoke_result_t<Question, srpi::Session&>> answer(std::move(home));
  lane.post(
      [answer, question = std::move(question)](srpi::Session& session) { answer.send(question(session)); });
  return answer;
}

}  // namespace srp_nbd
