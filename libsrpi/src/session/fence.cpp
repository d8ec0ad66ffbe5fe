// SPDX-License-Identifier: Apache-2.0
#include "session/fence.hpp"

namespace srpi::session {

bool may_change_medium(const scsi::Cdb& cdb) noexcept {
  using enum scsi::Opcode;
  switch (cdb.opcode()) {
    case test_unit_ready:
    case request_sense:
    case inquiry:
    case report_luns:
    case mode_sense_6:
    case mode_sense_10:
    case read_capacity_10:
    case service_action_in_16:
    case read_6:
    case read_10:
    case read_12:
    case read_16:
    case synchronize_cache_10:  // the medium then holds what reads have returned before
    case synchronize_cache_16:
      return false;
    default:
      return true;
  }
}

Fate fate_of(const channel::Command& command, bool sent, Aftermath aftermath, bool fence,
             base::Time now) noexcept {
  if (aftermath == Aftermath::nothing_kept || !command.rescue) return Fate::failed;
  if (sent && may_change_medium(command.cdb)) {
    if (!fence) return Fate::failed;
    if (aftermath == Aftermath::others_live) return Fate::in_doubt;
  }
  return command.internal.deadline > now ? Fate::kept : Fate::failed;
}

LostCommands end_channel(channel::Channel& channel, Aftermath aftermath, bool fence, base::Time now,
                         FenceMarks& unfenced) noexcept {
  auto [sent, unsent] = channel.end();
  LostCommands lost;
  channel::CommandList failed;  // what completes may submit anew; that belongs to the next connection
  const auto sort = [&](channel::CommandList& commands, bool were_sent) {
    while (auto* c = commands.pop_front()) {
      if (were_sent && may_change_medium(c->cdb)) unfenced.units.add(c->lun);
      switch (fate_of(*c, were_sent, aftermath, fence, now)) {
        case Fate::failed:
          failed.push_back(*c);
          break;
        case Fate::kept:
          lost.kept.push_back(*c);
          break;
        case Fate::in_doubt:
          lost.in_doubt.push_back(*c);
          break;
      }
    }
  };
  sort(sent, true);
  sort(unsent, false);
  while (auto* c = failed.pop_front())
    channel.complete(*c, c->internal.deadline <= now ? c->internal.end_error : Errc::no_connect);
  return lost;
}

void fail_channel(channel::Channel& channel, base::Time now, FenceMarks& unfenced) noexcept {
  (void)end_channel(channel, Aftermath::nothing_kept, true, now, unfenced);
}

}  // namespace srpi::session
