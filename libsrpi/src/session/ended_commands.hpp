// SPDX-License-Identifier: Apache-2.0
// Commands and functions that ended without the target. The next poll completes them, because nothing
// completes from within submit.
#pragma once

#include <utility>

#include "session/channel_names.hpp"

namespace srpi::session {

class EndedCommands {
 public:
  // Precondition: the outcome is set.
  void add(Command& command) noexcept { commands_.push_back(command); }
  void add(Command& command, Errc error) noexcept {
    command.error = error;
    add(command);
  }
  void add(CommandList commands, Errc error) noexcept {
    while (auto* c = commands.pop_front()) add(*c, error);
  }
  void add(Tmf& task, Errc error) noexcept {
    task.error = error;
    tasks_.push_back(task);
  }
  [[nodiscard]] bool empty() const noexcept { return commands_.empty() && tasks_.empty(); }

  // Returns their number. Commands that completions submit wait for the next call, so this call ends even if
  // the caller always retries.
  std::size_t complete() noexcept {
    auto commands = std::exchange(commands_, {});
    std::size_t n = 0;
    for (; auto* c = commands.pop_front(); ++n) c->on_complete(*c);
    auto tasks = std::exchange(tasks_, {});
    for (; auto* t = tasks.pop_front(); ++n) t->on_complete(*t);
    return n;
  }

 private:
  CommandList commands_;
  TmfList tasks_;
};

}  // namespace srpi::session
