// SPDX-License-Identifier: Apache-2.0
// What is asked of a session on its lane's thread, and the answer's way home.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <memory>
#include <utility>

#include "lane/lane.hpp"
#include "support/failure.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

// Made before it leaves for the lane, so that the way back takes no memory but for the message.
template<class T>
struct LaneErrand {
  using Answer = std::function<void(Outcome<T>)>;
  LaneErrand(boost::asio::any_io_executor home_in, Answer answer_in)
      : home(std::move(home_in)), answer(std::move(answer_in)) {}

  const boost::asio::any_io_executor home;
  const Answer answer;
  Outcome<T> outcome = Failure::no_memory();  // the lane's, until it goes home

  // Once, from the lane's thread.
  static void go_home(const std::shared_ptr<LaneErrand>& errand) noexcept {
    insist([&] { boost::asio::post(errand->home, [errand] { errand->arrive(); }); });
  }

 private:
  void arrive() {
    guarded([&] { answer(std::move(outcome)); }, [&] { answer(Failure::no_memory()); });
  }
};

// Runs `question` on the lane's thread, then `answer` at `home` with what came of it: no_memory, if there was none
// for either. std::bad_alloc out of this: nothing was asked.
template<class T>
void ask(Lane& lane, boost::asio::any_io_executor home, std::function<Outcome<T>(srpi::Session&)> question,
         typename LaneErrand<T>::Answer answer) {
  const auto errand = std::make_shared<LaneErrand<T>>(std::move(home), std::move(answer));
  lane.post([errand, question = std::move(question)](srpi::Session& session) {
    guarded([&] { errand->outcome = question(session); });
    LaneErrand<T>::go_home(errand);
  });
}

}  // namespace srp_nbd
