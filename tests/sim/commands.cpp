// SPDX-License-Identifier: Apache-2.0
// Faults of commands: what the target does with one, if not what it should.
#include "simulation.hpp"
#include "units.hpp"

namespace srpi::sim {
namespace {

bool is_read(std::byte operation) { return operation == std::byte{0x28} || operation == std::byte{0x88}; }
bool is_write(std::byte operation) { return operation == std::byte{0x2a} || operation == std::byte{0x8a}; }

}  // namespace

target::Outcome Simulation::decide(const target::CommandInfo& command) {
  using Kind = target::Outcome::Kind;
  using scsi::SenseKey;
  using target::Outcome;
  journal_.note("command", command.tag, std::to_integer<std::uint64_t>(command.cdb[0]));
  if (on_command)
    if (auto outcome = on_command(command)) return *outcome;
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
  if (roll(Fault::lose_command)) return Outcome::of(Kind::lose_command);
  if (roll(Fault::lose_response)) return Outcome::of(Kind::lose_response);
  if (roll(Fault::hold)) {
    alarm(about(plan_.options.command_timeout), Timer::release_held, random.below(2));
    return Outcome::of(Kind::hold);
  }
  if (is_write(command.cdb[0]) && roll(Fault::hold_medium)) {
    alarm(about(2 * plan_.options.command_timeout), Timer::release_held, random.below(2));
    return Outcome::of(Kind::hold_medium);
  }
  // Only of what has data: a GOOD for anything else would be a lie that nobody can see through.
  const bool read = is_read(command.cdb[0]);
  if ((read || is_write(command.cdb[0])) && roll(Fault::wrong_residual))
    return Outcome::answer_with(nothing_transferred(command.tag, read, random));
  if (roll(Fault::malformed_response)) return Outcome::answer_with(malformed_response(command.tag, random));
  return {};
}

}  // namespace srpi::sim
