// SPDX-License-Identifier: Apache-2.0
// A task management function on its way: the object of whoever starts it, lent to the channel until
// on_complete.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "srpi/error.hpp"
#include "wire/task_management.hpp"

namespace srpi::channel {

// Ownership: from Channel::submit until on_complete is entered or Channel::withdraw has returned, the object
// is the channel's. on_complete is called exactly once, never from within submit.
struct Tmf {
  wire::TaskFunction function = wire::TaskFunction::lun_reset;
  std::uint64_t lun = 0;       // the 8 SAM bytes, big-endian
  std::uint64_t task_tag = 0;  // abort_task: of the command
  base::Time deadline = base::kNever;

  void (*on_complete)(Tmf&) noexcept = nullptr;
  void* owner = nullptr;

  // The outcome. error: ok when the target answered (then `result` counts), else timed_out or no_connect.
  Errc error = Errc::ok;
  wire::TaskResult result = wire::TaskResult::complete;
  // The only answer that promises anything: what the function is about cannot happen any more.
  [[nodiscard]] bool confirmed() const noexcept {
    return error == Errc::ok && result == wire::TaskResult::complete;
  }

  Tmf* next = nullptr;  // the channel's own
};

// Intrusive list, first in first out.
class TmfList {
 public:
  [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
  [[nodiscard]] Tmf* front() const noexcept { return head_; }
  void push_back(Tmf& t) noexcept {
    t.next = nullptr;
    (tail_ ? tail_->next : head_) = &t;
    tail_ = &t;
  }
  Tmf* pop_front() noexcept {
    Tmf* t = head_;
    if (t && !(head_ = t->next)) tail_ = nullptr;
    return t;
  }
  void remove(const Tmf& gone) noexcept {
    TmfList kept;
    while (auto* t = pop_front())
      if (t != &gone) kept.push_back(*t);
    *this = kept;
  }

 private:
  Tmf* head_ = nullptr;
  Tmf* tail_ = nullptr;
};

}  // namespace srpi::channel
