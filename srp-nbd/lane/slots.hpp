// SPDX-License-Identifier: Apache-2.0
// A fixed number of objects to take and to give back, so that the data path does not allocate.
#pragma once

#include <boost/intrusive/slist.hpp>
#include <cstddef>
#include <vector>

namespace srp_nbd {

// The base class of these objects. The user of a taken object may link it into lists of this type.
using SlotHook =
    boost::intrusive::slist_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

template<class T>
class Slots {
 public:
  explicit Slots(std::size_t count) : slots_(count), free_count_(count) {
    // The first slots are taken first, so that unneeded memory stays untouched.
    for (std::size_t i = count; i-- > 0;) free_.push_front(slots_[i]);
  }

  // Precondition: free() > 0.
  [[nodiscard]] T& take() noexcept {
    T& slot = free_.front();
    free_.pop_front();
    --free_count_;
    return slot;
  }
  void give(T& slot) noexcept {
    free_.push_front(slot);
    ++free_count_;
  }

  [[nodiscard]] std::size_t free() const noexcept { return free_count_; }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] bool all_free() const noexcept { return free_count_ == slots_.size(); }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return slots_[i]; }

 private:
  std::vector<T> slots_;
  boost::intrusive::slist<T, boost::intrusive::constant_time_size<false>> free_;
  std::size_t free_count_;
};

}  // namespace srp_nbd
