// SPDX-License-Identifier: Apache-2.0
// A list that links its elements by a member of type ListHook with the name `hook`. The list allocates
// nothing and does not own its elements. An element can be in one list at a time.
#pragma once

#include <boost/intrusive/list.hpp>
#include <iterator>

namespace srpi::base {

using ListHook =
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

template<class T>
class List {
 public:
  [[nodiscard]] bool empty() const noexcept { return all_.empty(); }
  [[nodiscard]] auto begin() noexcept { return all_.begin(); }
  [[nodiscard]] auto begin() const noexcept { return all_.begin(); }
  [[nodiscard]] auto end() noexcept { return all_.end(); }
  [[nodiscard]] auto end() const noexcept { return all_.end(); }
  // Null if the list is empty.
  [[nodiscard]] const T* front() const noexcept { return empty() ? nullptr : &all_.front(); }
  [[nodiscard]] T* front() noexcept { return empty() ? nullptr : &all_.front(); }
  T* pop_front() noexcept {
    T* const first = front();
    if (first) all_.pop_front();
    return first;
  }
  void push_back(T& element) noexcept { all_.push_back(element); }
  // Inserts the element into a list that is sorted by `before`. Equal elements keep the order of insertion.
  template<class Before>
  void insert(T& element, Before before) noexcept {
    auto at = all_.end();
    while (at != all_.begin() && before(element, *std::prev(at))) --at;
    all_.insert(at, element);
  }
  void erase(T& element) noexcept { all_.erase(all_.iterator_to(element)); }
  // Moves all elements of the other list to the end of this one.
  void append(List& other) noexcept { all_.splice(all_.end(), other.all_); }
  // Removes and returns the elements for which the condition is true. Both lists keep their order.
  template<class Condition>
  [[nodiscard]] List take_if(Condition condition) noexcept {
    List taken;
    for (auto at = all_.begin(); at != all_.end();) {
      T& element = *at++;
      if (!condition(element)) continue;
      erase(element);
      taken.push_back(element);
    }
    return taken;
  }

 private:
  boost::intrusive::list<T, boost::intrusive::member_hook<T, ListHook, &T::hook>,
                         boost::intrusive::constant_time_size<false>>
      all_;
};

}  // namespace srpi::base
