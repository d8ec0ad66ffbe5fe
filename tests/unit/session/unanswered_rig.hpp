// SPDX-License-Identifier: Apache-2.0
// A rig for commands without an answer.
#pragma once

#include <vector>

#include "rig.hpp"

namespace srpi::session::test {

using namespace std::chrono_literals;
using target::Outcome;
using target::TaskOutcome;
using wire::TaskFunction;

// A rig whose target does not answer commands and records the task management functions.
struct Stuck : Rig {
  explicit Stuck(SessionOptions o = {}, target::TargetConfig c = {}) : Rig(std::move(o), std::move(c)) {
    settle();
    target->set_task_hook([this](const wire::TaskManagement& t) {
      functions.push_back(t.function);
      return t.function == TaskFunction::abort_task ? on_abort : on_reset;
    });
    keep(Outcome::Kind::lose_command);
  }
  void keep(Outcome::Kind kind) {
    target->set_command_hook([kind](const auto&) { return Outcome::of(kind); });
  }
  void answer_again() { target->set_command_hook({}); }
  void expire() { pass(options.command_timeout + 10ms); }
  [[nodiscard]] base::Duration step() const { return options.task_management_timeout; }

  std::vector<TaskFunction> functions;
  TaskOutcome on_abort, on_reset;
};

}  // namespace srpi::session::test
