// SPDX-License-Identifier: Apache-2.0
// The units of a session with waiting work: requests to send or to complete, commands to send again,
// operators' aborts and resets. A poll visits only these units.
#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace srpi::lun {

class Unit;

class BusyUnits {
 public:
  void add(Unit&) noexcept;  // does nothing if it is in the list
  // Calls Unit::poll or Unit::issue of each unit. A unit without waiting work then leaves the list.
  std::size_t poll() noexcept { return head_ ? visit(Visit::poll) : 0; }
  std::size_t issue() noexcept { return head_ ? visit(Visit::issue) : 0; }
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;

 private:
  enum class Visit { poll, issue };
  std::size_t visit(Visit) noexcept;

  Unit* head_ = nullptr;
  Unit* tail_ = nullptr;
};

}  // namespace srpi::lun
