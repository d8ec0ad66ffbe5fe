// SPDX-License-Identifier: Apache-2.0
#include "session/keepalive.hpp"

#include <algorithm>

#include "scsi/disposition.hpp"
#include "scsi/sense.hpp"

namespace srpi::session {

Keepalive::Keepalive(Channel& channel, const SessionOptions& options) noexcept
    : channel_(channel), options_(options) {
  command_.cdb = scsi::test_unit_ready();
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &Keepalive::on_complete;
}

void Keepalive::note_waiting(base::Time now) noexcept {
  if (state_ == State::asked) return;
  const bool waits = channel_.outstanding() > 0;
  if (waits && state_ == State::quiet) awaiting_since_ = now;
  state_ = waits ? State::awaiting : State::quiet;
}

base::Time Keepalive::due_at(base::Time now) const noexcept {
  if (!options_.keepalive || state_ == State::asked) return base::kNever;
  const auto heard = channel_.last_heard();
  if (channel_.outstanding() == 0) return heard + *options_.keepalive;
  const auto since = std::max(heard, state_ == State::awaiting ? awaiting_since_ : now);
  return since + std::min<base::Duration>(SessionOptions::kAnswersAwaited, *options_.keepalive);
}

void Keepalive::send(std::uint64_t lun, base::Time now) noexcept {
  if (state_ == State::asked) return;
  if (state_ == State::quiet) awaiting_since_ = now;
  state_ = State::asked;
  command_.lun = lun;
  channel_.submit_keepalive(command_);
}

void Keepalive::on_complete(Command& command) noexcept {
  auto& self = *static_cast<Keepalive*>(command.owner);
  self.state_ = self.channel_.outstanding() > 0 ? State::awaiting : State::quiet;
  // The keepalive may have received a unit attention that I/O would have received.
  if (command.error != Errc::ok || command.sense_bytes == 0) return;
  if (const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes}))
    if (const auto event = scsi::classify(command.status, &*sense).event; event != scsi::Event::none)
      self.channel_.events().on_unit_event(command.lun, event);
}

}  // namespace srpi::session
