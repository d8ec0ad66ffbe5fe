// SPDX-License-Identifier: Apache-2.0
// First in, first out, through the requests' own links.
#pragma once

namespace srpi::lun {

template<class Request>
struct RequestQueue {
  Request* head = nullptr;
  Request* tail = nullptr;

  void push(Request& r) noexcept {
    r.internal.next = nullptr;
    (tail ? tail->internal.next : head) = &r;
    tail = &r;
  }
  Request* pop() noexcept {
    auto* r = head;
    if (r && !(head = r->internal.next)) tail = nullptr;
    return r;
  }
};

}  // namespace srpi::lun
