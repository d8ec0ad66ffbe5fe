// SPDX-License-Identifier: Apache-2.0
// Counts the used entries of a queue pair's send queue. Only some sends are signaled. The completion of a
// signaled send also frees the entries of all earlier sends.
#pragma once

#include <cstdint>

#include "channel/layout.hpp"
#include "fabric/work.hpp"

namespace srpi::channel {

class SendQueue {
 public:
  explicit SendQueue(std::uint32_t depth) noexcept : depth_(depth) {}

  void reset() noexcept { used_ = unsignaled_ = 0; }
  // True if more than `kept_back` entries are free.
  [[nodiscard]] bool has_room(std::uint32_t kept_back = 0) const noexcept {
    return used_ + kept_back < depth_;
  }
  // Takes an entry for the send. One send in kSignalEvery is signaled.
  void add(fabric::SendWork& work) noexcept {
    ++used_;
    if (++unsignaled_ == kSignalEvery) signal(work);
  }
  // Takes an entry for the send and makes it a signaled one.
  void add_signaled(fabric::SendWork& work) noexcept {
    ++used_;
    ++unsignaled_;
    signal(work);
  }
  void on_completion(std::uint64_t id) noexcept {
    if (id & kSignaled) used_ -= static_cast<std::uint32_t>(id & ~kSignaled);
  }

 private:
  // The id of a signaled send: this bit, and the number of entries that its completion frees.
  static constexpr std::uint64_t kSignaled = 1ull << 63;

  void signal(fabric::SendWork& work) noexcept {
    work.signaled = true;
    work.id = kSignaled | unsignaled_;
    unsignaled_ = 0;
  }

  const std::uint32_t depth_;
  std::uint32_t used_ = 0;        // entries that may be in use
  std::uint32_t unsignaled_ = 0;  // sends since the last signaled one
};

}  // namespace srpi::channel
