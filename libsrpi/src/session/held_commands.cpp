// SPDX-License-Identifier: Apache-2.0
#include "session/held_commands.hpp"

#include <algorithm>
#include <utility>

namespace srpi::session {
namespace {

// The memory may now be registered with another device.
void renew_keys(Command& command) noexcept {
  for (auto& s : command.data) {
    if (!s.memory) continue;
    s.lkey = s.memory->lkey();
    s.rkey = s.memory->rkey();
  }
}

}  // namespace

void HeldCommands::hold(Command& command) noexcept {
  next_give_up_ = std::min(next_give_up_, command.give_up_at);
  commands_.push_back(command);
}

void HeldCommands::hold(CommandList commands) noexcept {
  while (auto* c = commands.pop_front()) hold(*c);
}

HeldCommands::Released HeldCommands::release(base::Time now, std::uint32_t most_segments) noexcept {
  Released released;
  auto all = take_all();
  while (auto* c = all.pop_front()) {
    if (c->give_up_at <= now || c->data.size() > most_segments) {
      released.too_late.push_back(*c);
      continue;
    }
    if (c->deadline != base::kNever) c->deadline = std::min(c->deadline + (now - since_), c->give_up_at);
    renew_keys(*c);
    released.going.push_back(*c);
  }
  return released;
}

template<class Leaves>
CommandList HeldCommands::take_if(Leaves leaves) noexcept {
  CommandList taken;
  auto all = take_all();
  while (auto* c = all.pop_front()) {
    if (leaves(*c))
      taken.push_back(*c);
    else
      hold(*c);
  }
  return taken;
}

CommandList HeldCommands::take_overdue(base::Time now) noexcept {
  if (now < next_give_up_) return {};
  return take_if([now](const Command& c) { return c.give_up_at <= now; });
}

CommandList HeldCommands::take_unit(std::uint64_t lun) noexcept {
  return take_if([lun](const Command& c) { return c.lun == lun; });
}

CommandList HeldCommands::take_all() noexcept {
  next_give_up_ = base::kNever;
  return std::exchange(commands_, {});
}

}  // namespace srpi::session
