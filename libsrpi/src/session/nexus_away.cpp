// SPDX-License-Identifier: Apache-2.0
// Units that are away while others of the session go on: not ready, not there any more, reserved for somebody.
// The probe finds out which; no I/O goes to them, it is answered here. A question to each of them, with growing
// delays as between attempts to connect, finds out when one is back. Then all units are proved again, for who
// answers there now may be another one.
//
// A connection may have been lost while such a unit had writes in doubt, and it could not be fenced. It keeps
// its mark, and when it is back its I/O waits for the fence.
#include <algorithm>

#include "scsi/sense.hpp"
#include "session/nexus.hpp"

namespace srpi::session {

// The probe's answer is new. Its time is the end of a proof, or of a login: I/O is still held.
void Nexus::note_away() noexcept {
  note_unstuck();
  const auto before = withheld_;
  withheld_.clear();
  for (const auto& unit : probe_.away()) withheld_.add(unit.lun);
  bool changed = before.luns().size() != withheld_.luns().size();
  for (const auto lun : before.luns()) {
    if (withheld_.contains(lun)) continue;
    changed = true;
    ++cache_epoch_;  // it may have lost its power
    if (options_.fence && unfenced_.units.contains(lun)) withheld_.add(lun);
  }
  withholding_ = !withheld_.empty();
  if (!withholding_) return;
  if (changed) ask_delay_ = {};
  ask_at_ = options_.reconnect_delay ? clock_.now() + next_delay(ask_delay_) : base::kNever;
  ask_stuck();

  CommandList doubtful;
  std::swap(doubtful, doubtful_);
  while (auto* c = doubtful.pop_front())
    if (!turn_away(*c)) doubtful_.push_back(*c);
}

// It is fenced.
void Nexus::readmit(std::uint64_t lun) noexcept {
  if (find_away(probe_, lun)) return;
  withheld_.remove(lun);
  withholding_ = !withheld_.empty();
}

// In the unit's place, and so that what its answer would have been retried for is retried.
bool Nexus::turn_away(Command& command) noexcept {
  if (!withheld_.contains(command.lun)) return false;
  const auto* away = find_away(probe_, command.lun);
  command.error = Errc::ok;
  command.status = scsi::Status::busy;
  command.residual_bytes = command.data_bytes;
  command.sense_bytes = 0;
  if (away && away->retry == scsi::RetryClass::none && !may_be_back_soon(command.lun)) {
    command.error = away->code;
  } else if (away && away->retry == scsi::RetryClass::becoming_ready) {
    const auto sense = scsi::encode(scsi::make_sense(scsi::SenseKey::not_ready, scsi::kBecomingReady));
    const auto bytes = std::as_bytes(sense.span());
    command.status = scsi::Status::check_condition;
    command.sense_bytes = static_cast<std::uint8_t>(std::min(bytes.size(), command.sense.size()));
    std::copy_n(bytes.begin(), command.sense_bytes, reinterpret_cast<std::byte*>(command.sense.data()));
  }
  rejected_.push_back(command);
  return true;
}

base::Time Nexus::next_question() const noexcept {
  return asking_ || proving_ || probe_.away().empty() ? base::kNever : ask_at_;
}

void Nexus::ask_away(base::Time now) noexcept {
  if (now < next_question()) return;
  ask_at_ = clock_.now() + next_delay(ask_delay_);
  asked_ = 0;
  ask_stuck();
  ask_next_away();
}

void Nexus::ask_next_away() noexcept {
  const auto away = probe_.away();
  while (asked_ < away.size() && probe_.stuck().contains(away[asked_].lun)) ++asked_;
  if (state_ != State::live || proving_ || asked_ >= away.size()) return;
  question_.lun = away[asked_++].lun;
  asking_ = true;
  least_loaded().submit(question_);
}

// Anything but a refusal may be its return; what a unit attention is about, the proof finds out.
void Nexus::on_away_answer(Command& command) noexcept {
  auto& self = *static_cast<Nexus*>(command.owner);
  self.asking_ = false;
  if (command.error != Errc::ok) return;
  const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes});
  const auto what = scsi::classify(command.status, sense ? &*sense : nullptr);
  const bool answers = what.action == scsi::Action::complete || what.error == Errc::unit_attention;
  if (what.event != scsi::Event::none && (answers || what.event == scsi::Event::deferred_error))
    self.on_unit_event(command.lun, what.event);
  answers ? self.prove_again() : self.ask_next_away();
}

}  // namespace srpi::session
