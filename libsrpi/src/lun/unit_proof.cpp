// SPDX-License-Identifier: Apache-2.0
#include "lun/unit_proof.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scsi/report_luns.hpp"
#include "scsi/sense.hpp"

namespace srpi::lun {
namespace {

constexpr int kMostTries = 4;  // to get a unit's answers without a change in between

std::uint64_t wire_lun(std::uint64_t number) {
  return scsi::load<std::uint64_t>(scsi::lun_of(number).data());
}

Error no_block_device(std::uint64_t lun) {
  return {Errc::no_such_lun, fmt::format("the target has no block device at LUN {}", lun)};
}

Error no_answer(std::uint64_t lun) {
  return {Errc::timed_out,
          fmt::format("LUN {} is stuck: what it was asked had no answer, and the connection was given up "
                      "for it; it is back when it answers LOGICAL UNIT RESET",
                      lun)};
}

}  // namespace

struct UnitProof::Execute {
  UnitProof& proof;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    proof.waiting_ = h;
    proof.channel_->submit(proof.command_);
  }
  void await_resume() const noexcept {}
};

UnitProof::UnitProof(std::vector<std::uint64_t> wanted, std::uint32_t max_transfer_bytes, UnitSink* sink)
    : wanted_(std::move(wanted)),
      max_transfer_bytes_(max_transfer_bytes),
      sink_(sink),
      buffer_(kBufferBytes) {
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &UnitProof::on_complete;
}

UnitProof::~UnitProof() = default;

void UnitProof::start(session::Channel& channel, const session::ProofScope& scope) {
  channel_ = &channel;
  scope_ = scope;
  setup_error_.reset();
  try {
    ask(channel);
  } catch (const std::bad_alloc&) {
    setup_error_ = Error{Errc::no_memory, {}};
  }
}

void UnitProof::ask(session::Channel& channel) {
  if (channel.device() != device_) {
    region_.reset();
    device_.reset();
    auto region = channel.device()->register_memory(buffer_, fabric::Access::remote);
    if (!region) {
      setup_error_ = region.error();
      return;
    }
    region_ = std::move(*region);
    device_ = channel.device();
  }
  sequence_ = question();
  sequence_.start();
}

Sequence<Result<>> UnitProof::question() {
  switch (scope_.asks) {
    case session::ProofScope::Asks::identity:
      return units_.empty() ? find() : prove_identity();
    case session::ProofScope::Asks::presence:
      return prove_presence();
    case session::ProofScope::Asks::attentions:
      break;
  }
  return take_attentions();
}

std::optional<UnitProof::Outcome> UnitProof::outcome() {
  if (setup_error_) return Outcome(*setup_error_);
  if (!sequence_ || !sequence_.value()) return std::nullopt;
  if (sequence_.value()->has_error()) return Outcome(sequence_.value()->error());
  using Asks = session::ProofScope::Asks;
  if (sink_ && scope_.asks != Asks::attentions)
    if (auto taken = sink_->take_units(units_); !taken) return Outcome(taken.error());
  std::span<const session::ProvedUnit> found;
  if (scope_.asks == Asks::identity) found = proved_;
  return Outcome(found);
}

void UnitProof::cancel() noexcept {
  waiting_ = {};  // a command still under way completes into the void
  sequence_ = {};
}

void UnitProof::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

void UnitProof::on_complete(session::Command& command) noexcept {
  auto& self = *static_cast<UnitProof*>(command.owner);
  if (const auto waiting = std::exchange(self.waiting_, {})) waiting.resume();
}

Sequence<Result<scsi::Bytes>> UnitProof::execute(std::uint64_t lun, scsi::Cdb cdb,
                                                 std::uint32_t data_in_bytes) {
  scsi::RetryBudget budget;
  refused_.reset();
  for (;;) {
    command_.cdb = cdb;
    command_.lun = wire_lun(lun);
    command_.direction = data_in_bytes > 0 ? channel::Direction::from_target : channel::Direction::none;
    command_.data_bytes = data_in_bytes;
    segment_ = {buffer_.data(), data_in_bytes, region_->lkey(), region_->rkey()};
    command_.data = std::span(&segment_, data_in_bytes > 0 ? 1u : 0u);
    co_await Execute{*this};

    if (command_.error != Errc::ok) co_return Error{command_.error, "while asking " + scsi::to_string(cdb)};
    const auto sense = scsi::decode_sense({command_.sense.data(), command_.sense_bytes});
    const auto what = scsi::classify(command_.status, sense ? &*sense : nullptr);
    if (session::asks_for_proof(what.event)) outdated_ = true;
    // Not about what is asked: it must not be lost with an attempt that fails.
    if (what.event == scsi::Event::deferred_error) channel_->events().on_unit_event(command_.lun, what.event);
    if (what.action == scsi::Action::complete)
      co_return scsi::Bytes(reinterpret_cast<const std::uint8_t*>(buffer_.data()),
                            data_in_bytes - command_.residual_bytes);
    // What wants a delay is left to the next attempt: the whole login backs off then.
    if (what.action == scsi::Action::retry_now && budget.next(what.retry_class)) continue;
    refused_ = what.retry_class;
    co_return Error{what.error, fmt::format("LUN {} answers {} with {}{}{}", lun, scsi::to_string(cdb),
                                            scsi::to_string(command_.status), sense ? ", " : "",
                                            sense ? scsi::to_string(*sense) : "")};
  }
}

Sequence<Result<std::optional<UnitProfile>>> UnitProof::profile(std::uint64_t lun) {
  auto answer = co_await profile_once(lun);
  for (int tries = 1; answer && outdated_ && tries < kMostTries; ++tries) answer = co_await profile_once(lun);
  if (answer && *answer && outdated_) {
    refused_ = scsi::RetryClass::unit_attention;
    co_return Error{Errc::unit_attention, fmt::format("LUN {} keeps changing", lun)};
  }
  co_return answer;
}

Sequence<Result<UnitProfile>> UnitProof::prove(const UnitProfile& known) {
  const auto lun = known.info.lun;
  auto answer = co_await profile(lun);
  if (!answer) co_return answer.error();
  if (!*answer) {
    refused_ = scsi::RetryClass::none;
    co_return no_block_device(lun);
  }
  refused_.reset();  // what it refused, it may do without
  if (const auto same = scsi::compare(known.identity, (*answer)->identity); !same)
    co_return Error{same.error().code, fmt::format("LUN {}: {}", lun, same.error().detail)};
  co_return std::move(**answer);
}

bool UnitProof::is_left_out(const UnitProfile& unit) const noexcept {
  return scope_.left_out.contains(wire_lun(unit.info.lun));
}

Sequence<Result<>> UnitProof::take_attentions() {
  // A lost command is the channel's end, and a unit that is not ready says so to I/O as well.
  for (const auto& unit : units_)
    if (!is_left_out(unit)) (void)co_await execute(unit.info.lun, scsi::test_unit_ready(), 0);
  co_return Result<>();
}

Sequence<Result<>> UnitProof::find() {
  auto luns = wanted_;
  if (luns.empty()) {
    auto reported = co_await report_luns();
    if (!reported) co_return reported.error();
    luns = std::move(*reported);
  }
  std::vector<UnitProfile> found;
  for (const auto lun : luns) {
    auto answer = co_await profile(lun);
    if (!answer) co_return answer.error();
    if (*answer)
      found.push_back(std::move(**answer));
    else if (!wanted_.empty())
      co_return no_block_device(lun);
  }
  if (found.empty())
    co_return Error{Errc::no_such_lun, "the target shows us no logical unit; check its access control"};
  std::vector<session::ProvedUnit> proved;
  for (const auto& unit : found) proved.push_back({.lun = wire_lun(unit.info.lun)});
  units_ = std::move(found);
  proved_ = std::move(proved);
  co_return Result<>();
}

// What it is, and how large, stays as it was.
Sequence<Result<>> UnitProof::prove_or_note_away(UnitProfile& unit, session::ProvedUnit& result) {
  auto answer = co_await prove(unit);
  if (answer) {
    unit = std::move(*answer);
    co_return Result<>();
  }
  if (!refused_) co_return answer.error();
  unit.info.away = answer.error();
  result.answer = session::ProvedUnit::Answer::refused;
  result.code = unit.info.away.code;
  result.retry = *refused_;
  co_return Result<>();
}

// The units that are left out come last: they are asked where no other has answered. A session that has no other unit is
// as well off without its connection.
Sequence<Result<>> UnitProof::prove_identity() {
  using Answer = session::ProvedUnit::Answer;
  auto profiles = units_;
  std::vector<session::ProvedUnit> proved;
  for (const auto& unit : profiles) proved.push_back({.lun = wire_lun(unit.info.lun)});
  bool any = false;
  for (const bool last : {false, true}) {
    for (std::size_t i = 0; i < profiles.size(); ++i) {
      if (is_left_out(units_[i]) != last) continue;
      if (last && any) {
        profiles[i].info.away = no_answer(units_[i].info.lun);
        proved[i].answer = Answer::left_out;
        proved[i].code = profiles[i].info.away.code;
        continue;
      }
      if (auto done = co_await prove_or_note_away(profiles[i], proved[i]); !done) co_return done.error();
      any |= proved[i].answer == Answer::proved;
    }
  }
  if (!any) {
    // What another attempt may find otherwise comes first.
    const auto passes = [](const UnitProfile& unit) { return unit.info.away.code != Errc::no_such_lun; };
    const auto why = std::ranges::find_if(profiles, passes);
    co_return (why != profiles.end() ? *why : profiles.front()).info.away;
  }
  units_ = std::move(profiles);
  proved_ = std::move(proved);
  co_return Result<>();
}

// Each channel has to find what the session has, and does not decide about it.
Sequence<Result<>> UnitProof::prove_presence() {
  auto profiles = units_;
  for (auto& unit : profiles) {
    if (is_left_out(unit)) continue;
    auto answer = co_await prove(unit);
    if (!answer) co_return answer.error();
    unit = std::move(*answer);
  }
  units_ = std::move(profiles);
  co_return Result<>();
}

}  // namespace srpi::lun
