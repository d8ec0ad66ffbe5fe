// SPDX-License-Identifier: Apache-2.0
// The entries of a queue pair's send queue. Few sends ask for a completion: it says that the entries of all sends
// before it are free as well.
#pragma once

#include <cstdint>

#include "channel/layout.hpp"
#include "fabric/work.hpp"

namespace srpi::channel {

class SendQueue {
 public:
  explicit SendQueue(std::uint32_t depth) noexcept : depth_(depth) {}

  void reset() noexcept { used_ = unsignaled_ = 0; }
  // Whether there is an entry beyond those that are kept for others.
  [[nodiscard]] bool has_room(std::uint32_t kept_back = 0) const noexcept {
    return used_ + kept_back < depth_;
  }
  // The send takes an entry; one in kSignalEvery asks for a completion.
  void add(fabric::SendWork& work) noexcept {
    ++used_;
    if (++unsignaled_ == kSignalEvery) signal(work);
  }
  // The same; it asks for a completion in any case.
  void add_signaled(fabric::SendWork& work) noexcept {
    ++used_;
    ++unsignaled_;
    signal(work);
  }
  void on_completion(std::uint64_t id) noexcept {
    if (id & kSignaled) used_ -= static_cast<std::uint32_t>(id & ~kSignaled);
  }

 private:
  static constexpr std::uint64_t kSignaled = 1ull << 63;  // the lower bits count the entries that are free

  void signal(fabric::SendWork& work) noexcept {
    work.signaled = true;
    work.id = kSignaled | unsignaled_;
    unsignaled_ = 0;
  }

  const std::uint32_t depth_;
  std::uint32_t used_ = 0;        // not known to be free
  std::uint32_t unsignaled_ = 0;  // since the last one that asked
};

}  // namespace srpi::channel
