// SPDX-License-Identifier: Apache-2.0
// Odd answers to the questions of a proof, for a while.
#include <algorithm>

#include "simulation.hpp"
#include "target/quirk.hpp"

namespace srpi::sim {
namespace {

struct Question {
  scsi::Opcode command;
  std::optional<std::uint8_t> page = {};
};
constexpr Question kQuestions[] = {
    {scsi::Opcode::report_luns},          {scsi::Opcode::inquiry},        {scsi::Opcode::inquiry, 0x00},
    {scsi::Opcode::inquiry, 0x80},        {scsi::Opcode::inquiry, 0x83},  {scsi::Opcode::inquiry, 0xb0},
    {scsi::Opcode::inquiry, 0xb1},        {scsi::Opcode::inquiry, 0xb2},  {scsi::Opcode::mode_sense_6},
    {scsi::Opcode::service_action_in_16}, {scsi::Opcode::test_unit_ready}};

bool tells_name(const Question& question) {
  return question.command == scsi::Opcode::inquiry && question.page && *question.page <= 0x83;
}

target::Outcome any_oddity(const Question& question, base::Random& random) {
  using scsi::SenseKey;
  using target::Outcome;
  // A unit that does not know the caching page has no cache (SBC-3 6.5.5). One that has a cache, and says so, would lose
  // writes.
  const std::uint64_t first = question.command == scsi::Opcode::mode_sense_6 ? 2 : 0;
  switch (first + random.below(10 - first)) {
    case 0: return Outcome::check_condition(SenseKey::illegal_request, {0x24, 0x00});
    case 1: return Outcome::check_condition(SenseKey::illegal_request, {0x20, 0x00});
    case 2: return Outcome::check_condition(SenseKey::not_ready, scsi::kBecomingReady);
    case 3: return Outcome::check_condition(SenseKey::not_ready, {0x04, 0x0b});
    case 4: return Outcome::with_status(scsi::Status::busy);
    case 5: return Outcome::with_status(scsi::Status::task_set_full);
    case 6: return Outcome::of(Outcome::Kind::lose_command);
    case 7: return target::cut_to(random.below(8));
    case 8: return target::padded_by(1 + random.below(64));
    default: return target::byte_replaced(1, 0xff);  // of a VPD page: its code
  }
}

}  // namespace

void Simulation::answer_oddly() {
  auto& random = fault_random_;
  std::vector<target::Quirk> quirks;
  for (auto count = 1 + random.below(3); count > 0; --count) {
    const auto& question = kQuestions[random.below(std::size(kQuestions))];
    target::Quirk quirk{
        .command = question.command, .page = question.page, .outcome = any_oddity(question, random)};
    // REPORT LUNS is a question to the target.
    if (question.command != scsi::Opcode::report_luns && (tells_name(question) || random.chance(3, 4)))
      quirk.lun = any_lun();
    // A unit that was taken without a name, and has one later, may be another one: it stays away, rightly.
    const auto is_it = [&](const auto& unit) { return unit->info().lun == quirk.lun; };
    if (tells_name(question) && std::ranges::none_of(session_->logical_units(), is_it)) continue;
    if (random.chance(1, 2)) quirk.times = static_cast<unsigned>(1 + random.below(4));
    quirks.push_back(std::move(quirk));
  }
  odd_answers_ = target::hook_of(std::move(quirks));
  // Without a question, nobody notices.
  if (random.chance(1, 2)) target_->drop_connections();
  alarm(about(std::chrono::milliseconds(200)), Timer::plain_answers);
}

}  // namespace srpi::sim
