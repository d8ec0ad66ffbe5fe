// SPDX-License-Identifier: Apache-2.0
// The callers' rescans: each completes once, when the search that covers it has ended, or when there will be none.
#pragma once

#include "lun/request_queue.hpp"
#include "srpi/task_request.hpp"

namespace srpi::api {

class Rescans {
 public:
  [[nodiscard]] Errc submit(TaskRequest& r) noexcept {
    if (const auto refusal = lun::take(r); refusal != Errc::ok) return refusal;
    r.status = Errc::ok;
    new_.push(r);
    return Errc::ok;
  }
  [[nodiscard]] bool has_new() const noexcept { return new_.head != nullptr; }
  // They wait for a search.
  void accept_new() noexcept { move(new_, waiting_); }
  void on_search_begun() noexcept { move(waiting_, covered_); }
  void on_search_ended(Errc status) noexcept { end(covered_, status); }
  // Ends all of them.
  void fail(Errc status) noexcept {
    for (auto* queue : {&covered_, &waiting_, &new_}) end(*queue, status);
  }

 private:
  using Queue = lun::RequestQueue<TaskRequest>;
  static void move(Queue& from, Queue& to) noexcept {
    while (auto* r = from.pop()) to.push(*r);
  }
  // A completion may submit again.
  static void end(Queue& queue, Errc status) noexcept {
    Queue ended;
    std::swap(ended, queue);
    while (auto* r = ended.pop()) {
      r->status = status;
      lun::complete(*r);
    }
  }

  Queue new_;      // a poll has not seen them yet
  Queue waiting_;  // for a search that begins after them
  Queue covered_;  // by the running search
};

}  // namespace srpi::api
