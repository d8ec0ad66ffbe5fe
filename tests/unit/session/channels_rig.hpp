// SPDX-License-Identifier: Apache-2.0
// A session with several channels and the built-in target. The tests determine the target's answers.
#pragma once

#include <functional>
#include <vector>

#include "rig.hpp"

namespace srpi::session::test {

using target::Outcome;
using target::TaskOutcome;

inline SessionOptions with_channels(std::uint32_t channels) {
  SessionOptions options;
  options.channels = channels;
  return options;
}

inline std::uint32_t channel_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag >> 16) & 0xffff; }

struct Channels : Rig {
  explicit Channels(SessionOptions o = with_channels(2), target::TargetConfig c = {})
      : Rig(std::move(o), std::move(c)) {
    settle();
    target->set_task_hook([this](const wire::TaskManagement& t) {
      functions.push_back(t);
      return on_function ? on_function(t) : TaskOutcome{};
    });
  }
  void keep(Outcome::Kind kind) {
    target->set_command_hook([this, kind](const target::CommandInfo& info) {
      tags.push_back(info.tag);
      return Outcome::of(kind);
    });
  }
  void answer_again() { target->set_command_hook({}); }
  // Makes one of our queue pairs fail. The connections are numbered in the order of login.
  void lose(std::uint32_t channel) {
    network.break_queue_pair(channel + 1, true, fabric::WorkStatus::retry_exceeded);
    settle();
  }
  [[nodiscard]] const Channel& channel(std::uint32_t i) const { return nexus->channels().all()[i]->channel; }
  [[nodiscard]] base::Duration quiet() const { return options.transport_tries_for(); }

  std::vector<wire::TaskManagement> functions;
  std::function<TaskOutcome(const wire::TaskManagement&)> on_function;
  std::vector<std::uint64_t> tags;
};

}  // namespace srpi::session::test
