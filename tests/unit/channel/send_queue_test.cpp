// SPDX-License-Identifier: Apache-2.0
#include "channel/send_queue.hpp"

#include <catch2/catch.hpp>

using namespace srpi;
using channel::kSignalEvery;
using channel::SendQueue;

TEST_CASE("one send in kSignalEvery is signaled, and its completion frees the entries of all of them") {
  SendQueue queue(2 * kSignalEvery);
  fabric::SendWork last;
  for (std::uint32_t i = 1; i <= 2 * kSignalEvery; ++i) {
    REQUIRE(queue.has_room());
    last = {};
    queue.add(last);
    CHECK(last.signaled == (i % kSignalEvery == 0));
  }
  CHECK_FALSE(queue.has_room());
  queue.on_completion(last.id);
  CHECK(queue.has_room(kSignalEvery - 1));
  CHECK_FALSE(queue.has_room(kSignalEvery));
}

TEST_CASE("the completion of an explicitly signaled send also frees the earlier entries") {
  SendQueue queue(4);
  fabric::SendWork work, signaled;
  queue.add(work);
  queue.add(work);
  queue.add_signaled(signaled);
  CHECK_FALSE(work.signaled);
  REQUIRE(signaled.signaled);
  CHECK_FALSE(queue.has_room(1));
  queue.on_completion(signaled.id);
  CHECK(queue.has_room(3));
}

TEST_CASE("other completions free no entries; reset frees all") {
  SendQueue queue(1);
  fabric::SendWork work;
  queue.add(work);
  queue.on_completion(0);  // the completion of an unsignaled send: an error
  CHECK_FALSE(queue.has_room());
  queue.reset();
  CHECK(queue.has_room());
}
