// SPDX-License-Identifier: Apache-2.0
// The units of a session with waiting work: requests to send or to complete, commands to send again,
// operators' aborts and resets. A poll visits only these units.
#pragma once

#include <cstddef>

#include "base/clock.hpp"

namespace srpi::lun {

class Unit;

// Asked before a unit gets work.
class Sleeper {
 public:
  // True: it may, and wake() was called. False: it may not.
  virtual bool on_work() noexcept = 0;

 protected:
  ~Sleeper() = default;
};

class BusyUnits {
 public:
  // Does nothing if the unit is in the list. False: the unit may not get work any more.
  bool add(Unit&) noexcept;
  // Until wake(), each add asks the sleeper, also for a unit that is in the list.
  void sleep(Sleeper&) noexcept;
  void wake() noexcept;
  // Calls Unit::poll or Unit::issue of each unit. A unit without waiting work then leaves the list.
  std::size_t poll() noexcept { return head_ ? visit(Visit::poll) : 0; }
  std::size_t issue() noexcept { return head_ ? visit(Visit::issue) : 0; }
  [[nodiscard]] bool has_work() const noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;

 private:
  enum class Visit { poll, issue };
  std::size_t visit(Visit) noexcept;
  [[nodiscard]] bool ask(Unit&) noexcept;
  void mark_listed(bool) noexcept;

  Unit* head_ = nullptr;
  Unit* tail_ = nullptr;
  // While it is set, no unit's is_listed_ is, so that a submit calls add.
  Sleeper* sleeper_ = nullptr;
};

}  // namespace srpi::lun
