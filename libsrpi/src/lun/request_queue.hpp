// SPDX-License-Identifier: Apache-2.0
// A queue of requests, linked by the requests themselves.
#pragma once

#include "lun/request_state.hpp"

namespace srpi::lun {

template<class Request>
struct RequestQueue {
  Request* head = nullptr;
  Request* tail = nullptr;

  void push(Request& r) noexcept {
    state_of(r).next = nullptr;
    (tail ? state_of(*tail).next : head) = &r;
    tail = &r;
  }
  Request* pop() noexcept {
    auto* r = head;
    if (r && !(head = state_of(*r).next)) tail = nullptr;
    return r;
  }
};

}  // namespace srpi::lun
