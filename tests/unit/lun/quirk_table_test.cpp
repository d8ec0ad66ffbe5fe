// SPDX-License-Identifier: Apache-2.0
// Every question of a proof with every odd answer of one of two units, at the first login, at a reconnect and in a
// proof while live. docs/quirks.md has what becomes of the unit; SRPI_WRITE_MANUAL=1 writes it. The other unit must
// not be affected in any case.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "rig.hpp"
#include "target/quirk.hpp"

using namespace srpi;
using namespace srpi::lun::test;
using namespace std::chrono_literals;
using scsi::Opcode;
using target::Outcome;
using target::Quirk;

namespace {

struct Question {
  const char* name;
  Opcode command;
  std::optional<std::uint8_t> page;
  std::uint8_t code_at, length_at;  // the bytes of the page code and of the length; kNone: there is none
};
constexpr std::uint8_t kNone = 0xff;
constexpr Question kQuestions[] = {
    {"INQUIRY", Opcode::inquiry, std::nullopt, kNone, 4},
    {"TEST UNIT READY", Opcode::test_unit_ready, std::nullopt, kNone, kNone},
    {"VPD 00h: list", Opcode::inquiry, 0x00, 1, 2},
    {"VPD 80h: serial", Opcode::inquiry, 0x80, 1, 2},
    {"VPD 83h: wwid", Opcode::inquiry, 0x83, 1, 2},
    {"VPD B0h: limits", Opcode::inquiry, 0xb0, 1, 2},
    {"VPD B1h, B2h", Opcode::inquiry, 0xb1, 1, 2},
    {"READ CAPACITY(16)", Opcode::service_action_in_16, std::nullopt, kNone, kNone},
    {"READ CAPACITY(16) and (10)", Opcode::read_capacity_10, std::nullopt, kNone, kNone},
    {"MODE SENSE", Opcode::mode_sense_6, std::nullopt, 4, 3},
};

struct Kind {
  const char* name;
  // nullopt: the question has no such answer.
  std::optional<Outcome> (*outcome)(const Question&);
  unsigned times = Quirk::kEveryTime;
};

bool has_data(const Question& q) { return q.command != Opcode::test_unit_ready; }
std::optional<Outcome> of_data(const Question& q, Outcome outcome) {
  return has_data(q) ? std::optional(std::move(outcome)) : std::nullopt;
}
template<std::uint8_t key, std::uint8_t asc, std::uint8_t ascq>
std::optional<Outcome> sense(const Question&) {
  return Outcome::check_condition(static_cast<scsi::SenseKey>(key), {asc, ascq});
}
template<scsi::Status status>
std::optional<Outcome> status_of(const Question&) {
  return Outcome::with_status(status);
}

const Kind kKinds[] = {
    {"05/20/00 unknown command", sense<5, 0x20, 0>},
    {"05/24/00 unknown field or page", sense<5, 0x24, 0>},
    {"05/25/00 no such unit", sense<5, 0x25, 0>},
    {"02/04/0B standby", sense<2, 0x04, 0x0b>},
    {"04/44/00 hardware error", sense<4, 0x44, 0>},
    {"RESERVATION CONFLICT", status_of<scsi::Status::reservation_conflict>},
    {"BUSY, twice", status_of<scsi::Status::busy>, 2},
    {"BUSY, always", status_of<scsi::Status::busy>},
    {"TASK SET FULL, twice", status_of<scsi::Status::task_set_full>, 2},
    {"02/04/01 becoming ready, once", sense<2, 0x04, 0x01>, 1},
    {"02/04/01 becoming ready, always", sense<2, 0x04, 0x01>},
    {"06/29/00 reset, once", sense<6, 0x29, 0>, 1},
    {"no data", [](const Question& q) { return of_data(q, target::cut_to(0)); }},
    {"only 6 bytes", [](const Question& q) { return of_data(q, target::cut_to(6)); }},
    {"64 bytes more", [](const Question& q) { return of_data(q, target::padded_by(64)); }},
    {"another page code",
     [](const Question& q) {
       return q.code_at == kNone ? std::nullopt : of_data(q, target::byte_replaced(q.code_at, 0x0a));
     }},
    {"a length beyond the data",
     [](const Question& q) {
       return q.length_at == kNone ? std::nullopt : of_data(q, target::byte_replaced(q.length_at, 0xf0));
     }},
    {"zeroes", [](const Question& q) { return of_data(q, target::zeroes()); }},
    {"never an answer",
     [](const Question&) { return std::optional(Outcome::of(Outcome::Kind::lose_command)); }},
};

target::CommandHook hook_for(const Question& q, const Kind& kind) {
  std::vector<Quirk> quirks;
  const auto add = [&](Opcode command, std::optional<std::uint8_t> page) {
    quirks.push_back(
        {.command = command, .page = page, .lun = 1, .outcome = *kind.outcome(q), .times = kind.times});
  };
  add(q.command, q.page);
  if (q.page == 0xb1) add(q.command, 0xb2);
  if (q.command == Opcode::read_capacity_10)
    quirks.push_back({.command = Opcode::service_action_in_16, .lun = 1, .outcome = *sense<5, 0x20, 0>(q)});
  return target::hook_of(std::move(quirks));
}

enum class When { first_login, reconnect, live };

// The other unit must work.
bool read_other(Rig& rig) {
  Io io(rig, IoOperation::read, 0);
  rig.units[0]->submit(io.request);
  for (int i = 0; i < 300 && io.completions == 0; ++i) rig.pass(50ms);
  CHECK(io.completions == 1);
  return io.request.status == Errc::ok;
}

std::string unit_state(const Rig& rig) {
  const auto& units = rig.proof.units();
  const auto unit = std::ranges::find(units, 1u, [](const auto& u) { return u.info.lun; });
  if (unit == units.end()) return rig.proof.not_taken().empty() ? "no unit" : "not taken";
  if (unit->info.away.code != Errc::ok) return "away";
  return unit->oddities.empty() ? "nothing" : "log";
}

std::string result_of(const Question& q, const Kind& kind, When when) {
  SessionOptions options;
  options.fast_io_fail = 30s;
  Rig rig(options, {}, when == When::first_login ? hook_for(q, kind) : target::CommandHook{});
  if (when != When::first_login) rig.target->set_command_hook(hook_for(q, kind));
  if (when == When::reconnect) rig.target->drop_connections();
  if (when == When::live) rig.target->raise_attention(0, {0x3f, 0x03}).value();
  rig.settle();
  for (int i = 0; i < 400 && rig.nexus->state() != session::State::live; ++i) rig.pass(50ms);
  if (rig.nexus->state() != session::State::live) return "no session";
  rig.make_units();
  CHECK(read_other(rig));
  CHECK(rig.nexus->state() == session::State::live);
  auto result = unit_state(rig);
  const auto attempts = rig.failed_at.size();
  const auto losses = rig.nexus->record().losses - (when == When::reconnect ? 1 : 0);
  // Only silence may cost a connection.
  if (std::string_view(kind.name) != "never an answer") CHECK(attempts + losses == 0);
  if (attempts + losses > 0) result += fmt::format(", after {} s", (rig.clock.now() - base::Time{}) / 1s);
  return result;
}

std::string table_of(When when) {
  std::string text = "|  |";
  for (const auto& q : kQuestions) text += fmt::format(" {} |", q.name);
  text += "\n|---|";
  for (std::size_t i = 0; i < std::size(kQuestions); ++i) text += "---|";
  text += "\n";
  for (const auto& kind : kKinds) {
    text += fmt::format("| {} |", kind.name);
    for (const auto& q : kQuestions) {
      INFO(q.name << ": " << kind.name);
      text += fmt::format(" {} |", kind.outcome(q) ? result_of(q, kind, when) : "");
    }
    text += "\n";
  }
  return text;
}

std::string page() {
  return fmt::format(R"(<!-- Generated by SRPI_WRITE_MANUAL=1 test_lun "row 38:*" -->
# What odd answers of a unit cost

A proof asks each unit some questions. These tables have what becomes of a unit that answers one of them oddly, while a second
unit answers as it should. The second unit's I/O goes on in every case. The reasons are in
[design/away-units.md](design/away-units.md).

| Word | Meaning |
|---|---|
| nothing | the unit is used as if the answer were right, or as if the unit did not have what was asked for |
| log | the same, and a line in the log says what was wrong |
| away | the unit's I/O fails or is retried, until the unit answers the question |
| not taken | the session is live without the unit |
| after N s | the silence has cost an attempt or a connection first |
| (empty) | the question has no such answer |

## At the first login

{}
## At a reconnect

{}
## In a proof while the session is live

{})",
                     table_of(When::first_login), table_of(When::reconnect), table_of(When::live));
}

}  // namespace

TEST_CASE(
    "row 38: docs/quirks.md has what every odd answer of a unit costs, and the other unit is not touched") {
  const auto path = SRPI_SOURCE_DIR "/docs/quirks.md";
  const auto expected = page();
  if (std::getenv("SRPI_WRITE_MANUAL")) {
    std::ofstream(path) << expected;
    return;
  }
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  CHECK(text.str() == expected);
}
