// SPDX-License-Identifier: Apache-2.0
// Faults of commands at the target.
#include <algorithm>

#include "simulation.hpp"
#include "units.hpp"

namespace srpi::sim {
namespace {

std::uint16_t number_of(const target::CommandInfo& command) {
  return static_cast<std::uint16_t>(command.lun >> 48);
}
bool is_read(std::byte operation) { return operation == std::byte{0x28} || operation == std::byte{0x88}; }
bool is_write(std::byte operation) { return operation == std::byte{0x2a} || operation == std::byte{0x8a}; }

}  // namespace

// Only if answers come in the order of the commands. With several channels, the GOOD of a flush could
// overtake the deferred error.
bool Simulation::may_lose_writes(const target::CommandInfo& command) const noexcept {
  if (exchange_ || plan_.options.channels != 1) return false;
  const auto& luns = plan_.target.luns;
  const auto lun = std::ranges::find(luns, number_of(command), &target::LunConfig::number);
  return lun != luns.end() && lun->volatile_cache;
}

target::Outcome Simulation::lose_writes(const target::CommandInfo& command) {
  const auto lun = number_of(command);
  target_->lose_cache(lun);
  for (auto& model : models_) {
    if (model.lun() != lun) continue;
    model.power_failed();
    workload_->cache_lost(model);
  }
  auto outcome = target::Outcome::check_condition(scsi::SenseKey::medium_error, {0x0c, 0x02});  // WRITE ERROR
  outcome.sense->deferred = true;
  return outcome;
}

// The session reports that it knows of the lost write.
void Simulation::on_event(SessionEvent event, LogicalUnit* unit) {
  if (event == SessionEvent::deferred_error && unit) workload_->told_of_lost_write(unit->info().lun);
}

target::Outcome Simulation::decide(const target::CommandInfo& command) {
  using Kind = target::Outcome::Kind;
  using scsi::SenseKey;
  using target::Outcome;
  journal_.note("command", command.tag, std::to_integer<std::uint64_t>(command.cdb[0]), number_of(command));
  if (on_command)
    if (auto outcome = on_command(command)) return *outcome;
  if (refusal_ && refusal_->lun == number_of(command)) return refusal_->outcome;
  if (odd_answers_)
    if (auto outcome = odd_answers_(command); outcome.kind != Kind::normal) return outcome;
  if (!faults_on_) return {};
  auto& random = network_random_;
  if (roll(Fault::busy)) return Outcome::with_status(scsi::Status::busy);
  if (roll(Fault::task_set_full)) return Outcome::with_status(scsi::Status::task_set_full);
  if (roll(Fault::reservation_conflict)) return Outcome::with_status(scsi::Status::reservation_conflict);
  if (roll(Fault::becoming_ready)) return Outcome::check_condition(SenseKey::not_ready, scsi::kBecomingReady);
  if (roll(Fault::medium_error))
    return Outcome::check_condition(SenseKey::medium_error, scsi::kUnrecoveredReadError);
  if (roll(Fault::aborted_command))
    return Outcome::check_condition(SenseKey::aborted_command, scsi::kNoAdditionalSense);
  if (roll(Fault::command_attention))
    return Outcome::check_condition(SenseKey::unit_attention, scsi::kPowerOnOrReset);
  if (may_lose_writes(command) && roll(Fault::deferred_error)) return lose_writes(command);
  if (roll(Fault::lose_command)) return Outcome::of(Kind::lose_command);
  if (roll(Fault::lose_response)) return Outcome::of(Kind::lose_response);
  if (roll(Fault::hold)) {
    alarm(about(plan_.options.command_timeout), Timer::release_held, random.below(2));
    return Outcome::of(Kind::hold);
  }
  if (is_write(command.cdb[0]) && roll(Fault::hold_medium)) {
    held_write_ = number_of(command);
    // Long enough for a unit to go away and come back.
    const auto mean = (plan_.weight(Fault::unit_away) >= 64 ? 8 : 2) * plan_.options.command_timeout;
    alarm(about(mean), Timer::release_held, random.below(2));
    return Outcome::of(Kind::hold_medium);
  }
  // Only commands with data. For others, nobody could notice a wrong GOOD.
  const bool read = is_read(command.cdb[0]);
  if ((read || is_write(command.cdb[0])) && roll(Fault::wrong_residual))
    return Outcome::answer_with(nothing_transferred(command.tag, read, random));
  if (roll(Fault::malformed_response)) return Outcome::answer_with(malformed_response(command.tag, random));
  return {};
}

}  // namespace srpi::sim
