// SPDX-License-Identifier: Apache-2.0
// A task management function. The submitter owns the object and lends it to the channel until on_complete.
#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "srpi/error.hpp"
#include "wire/task_management.hpp"

namespace srpi::channel {

// Ownership: from Channel::submit until on_complete is entered or Channel::withdraw has returned, the object
// belongs to the channel. on_complete is called exactly once and never from within submit.
struct Tmf {
  wire::TaskFunction function = wire::TaskFunction::lun_reset;
  std::uint64_t lun = 0;       // the 8 SAM bytes, big-endian
  std::uint64_t task_tag = 0;  // abort_task: the command's tag
  base::Time deadline = base::kNever;

  void (*on_complete)(Tmf&) noexcept = nullptr;
  void* owner = nullptr;

  // The outcome. `error` is ok if the target answered; then `result` is valid. Otherwise timed_out or
  // no_connect.
  Errc error = Errc::ok;
  wire::TaskResult result = wire::TaskResult::complete;
  // True if the target promises that the function's commands are over. No other answer promises anything.
  [[nodiscard]] bool confirmed() const noexcept {
    return error == Errc::ok && result == wire::TaskResult::complete;
  }

  Tmf* next = nullptr;  // used by the channel only
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
