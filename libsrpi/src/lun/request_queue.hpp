// SPDX-License-Identifier: Apache-2.0
// A queue of requests, linked by the requests themselves.
#pragma once

#include "lun/request_state.hpp"
#include "srpi/task_request.hpp"

namespace srpi::lun {

[[nodiscard]] inline IoRequest*& next_of(IoRequest& r) noexcept { return state_of(r).next; }
[[nodiscard]] inline TaskRequest*& next_of(TaskRequest& r) noexcept { return r.next; }

template<class Request>
struct RequestQueue {
  Request* head = nullptr;
  Request* tail = nullptr;

  void push(Request& r) noexcept {
    next_of(r) = nullptr;
    (tail ? next_of(*tail) : head) = &r;
    tail = &r;
  }
  Request* pop() noexcept {
    auto* r = head;
    if (r && !(head = next_of(*r))) tail = nullptr;
    return r;
  }
};

}  // namespace srpi::lun
