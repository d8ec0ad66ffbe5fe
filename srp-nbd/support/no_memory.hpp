// SPDX-License-Identifier: Apache-2.0
// What the daemon does where memory is short. An order, a client or a line of the log may fail for it; I/O
// under way, and what has to be told between threads, may not.
#pragma once

#include <chrono>
#include <exception>
#include <new>
#include <string>
#include <thread>
#include <utility>

namespace srp_nbd {

// The border of a handler: `otherwise` is what remains to be done where `work` found no memory.
template<class Work, class Otherwise>
void guarded(Work work, Otherwise otherwise) {
  try {
    work();
  } catch (const std::bad_alloc&) {
    otherwise();
  }
}
template<class Work>
void guarded(Work work) noexcept {
  guarded(std::move(work), [] {});
}

// Words for people; none where there is no memory for them: the code must get through.
template<class Make>
[[nodiscard]] std::string words(Make make) noexcept {
  try {
    return make();
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// For what must not be lost, such as a state's change on its way to another thread: again until there is
// memory. After a second without a few hundred bytes the process ends, which its devices outlive.
// `work` must have done nothing where it throws.
template<class Work>
void insist(Work work) noexcept {
  constexpr int kMostTries = 1000;
  for (int tries = 1;; ++tries) {
    try {
      return work();
    } catch (const std::bad_alloc&) {
      if (tries == kMostTries) std::terminate();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace srp_nbd
