// SPDX-License-Identifier: Apache-2.0
// A task management function. The submitter owns the object and lends it to the channel until on_complete.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.hpp"
#include "base/list.hpp"
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

  base::ListHook hook;  // used by the channel only
};

using TmfList = base::List<Tmf>;

// No effect if the list does not contain it.
inline void remove(TmfList& list, const Tmf& gone) noexcept {
  (void)list.take_if([&](const Tmf& t) { return &t == &gone; });
}
[[nodiscard]] inline base::Time next_deadline(const TmfList& list) noexcept {
  auto next = base::kNever;
  for (const auto& t : list) next = std::min(next, t.deadline);
  return next;
}

}  // namespace srpi::channel
