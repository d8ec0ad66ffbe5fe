// SPDX-License-Identifier: Apache-2.0
#include "session/fate.hpp"

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
    case synchronize_cache_10:  // reads have returned the same data before
    case synchronize_cache_16: return false;
    default: return true;
  }
}

Fate fate_of(const Command& command, Sent sent, Aftermath aftermath, bool fence, base::Time now) noexcept {
  if (aftermath == Aftermath::nothing || !command.rescue) return Fate::end;
  const bool may_come_late = sent == Sent::yes && may_change_medium(command.cdb);
  if (may_come_late && !fence) return Fate::end;
  if (may_come_late && aftermath == Aftermath::another_channel) return Fate::in_doubt;
  if (command.internal.deadline <= now) return Fate::end;
  return aftermath == Aftermath::another_channel ? Fate::resend : Fate::hold;
}

void Fates::sort(CommandList commands, Sent sent, Aftermath aftermath, FenceMarks& marks) noexcept {
  while (auto* c = commands.pop_front()) {
    if (sent == Sent::yes && may_change_medium(c->cdb)) marks.mark(c->lun);
    switch (fate_of(*c, sent, aftermath, fence, now)) {
      case Fate::end: end.push_back(*c); break;
      case Fate::resend: resend.push_back(*c); break;
      case Fate::hold: hold.push_back(*c); break;
      case Fate::in_doubt: in_doubt.push_back(*c); break;
    }
  }
}

void Fates::complete_ended(Channel& channel) noexcept {
  while (auto* c = end.pop_front())
    channel.complete(*c, c->internal.deadline <= now ? c->internal.end_error : Errc::no_connect);
}

void close(Channel& channel, FenceMarks& marks, base::Time now) noexcept {
  auto left = channel.end();
  Fates fates{.now = now};
  fates.sort(std::move(left.sent), Sent::yes, Aftermath::nothing, marks);
  fates.sort(std::move(left.unsent), Sent::no, Aftermath::nothing, marks);
  fates.complete_ended(channel);
}

}  // namespace srpi::session
