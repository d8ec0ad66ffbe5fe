// SPDX-License-Identifier: Apache-2.0
#include "lun/probe.hpp"

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

struct LunProbe::Execute {
  LunProbe& probe;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) noexcept {
    probe.waiting_ = h;
    probe.channel_->submit(probe.command_);
  }
  void await_resume() const noexcept {}
};

LunProbe::LunProbe(std::vector<std::uint64_t> wanted, std::uint32_t max_transfer_bytes)
    : wanted_(std::move(wanted)), max_transfer_bytes_(max_transfer_bytes), buffer_(kBufferBytes) {
  command_.owner = this;
  command_.rescue = false;
  command_.on_complete = &LunProbe::on_complete;
}

LunProbe::~LunProbe() = default;

void LunProbe::start(channel::Channel& channel, Question what) {
  channel_ = &channel;
  setup_error_.reset();
  try {
    ask(channel, what);
  } catch (const std::bad_alloc&) {
    setup_error_ = Error{Errc::no_memory, {}};
  }
}

void LunProbe::ask(channel::Channel& channel, Question what) {
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
  task_ = (this->*what)();
  task_.start();
}

std::optional<Result<>> LunProbe::outcome() {
  if (setup_error_) return Result<>(*setup_error_);
  if (!task_ || !task_.value()) return std::nullopt;
  return *task_.value();
}

void LunProbe::add_units(base::LunSet& list) const {
  for (const auto& unit : units_) list.add(wire_lun(unit.info.lun));
}

void LunProbe::reset() noexcept {
  waiting_ = {};  // a command still under way completes into the void
  task_ = {};
}

void LunProbe::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

void LunProbe::on_complete(channel::Command& command) noexcept {
  auto& self = *static_cast<LunProbe*>(command.owner);
  if (const auto waiting = std::exchange(self.waiting_, {})) waiting.resume();
}

Task<Result<scsi::Bytes>> LunProbe::execute(std::uint64_t lun, scsi::Cdb cdb, std::uint32_t data_in_bytes) {
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

Task<Result<std::optional<UnitProfile>>> LunProbe::profile(std::uint64_t lun) {
  auto answer = co_await profile_once(lun);
  for (int tries = 1; answer && outdated_ && tries < kMostTries; ++tries) answer = co_await profile_once(lun);
  if (answer && *answer && outdated_) {
    refused_ = scsi::RetryClass::unit_attention;
    co_return Error{Errc::unit_attention, fmt::format("LUN {} keeps changing", lun)};
  }
  co_return answer;
}

Task<Result<UnitProfile>> LunProbe::prove(const UnitProfile& known) {
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

Task<Result<>> LunProbe::greet() {
  // A lost command is the channel's end, and a unit that is not ready says so to I/O as well.
  for (const auto& unit : units_)
    if (!stuck().contains(wire_lun(unit.info.lun)))
      (void)co_await execute(unit.info.lun, scsi::test_unit_ready(), 0);
  co_return Result<>();
}

Task<Result<>> LunProbe::find() {
  stuck_.clear();  // no units yet
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
  units_ = std::move(found);
  co_return Result<>();
}

// A unit that refuses to answer is away: what it is, and how large, stays as it was. So is one that is stuck, which is
// not asked where others answer. A session that has no other one is as well off without its connection.
Task<Result<>> LunProbe::run() {
  if (units_.empty()) co_return co_await find();
  auto proved = units_;
  std::vector<std::optional<scsi::RetryClass>> refused(proved.size());
  std::size_t answered = 0;
  for (const bool last : {false, true}) {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      const auto lun = wire_lun(units_[i].info.lun);
      if (stuck().contains(lun) != last) continue;
      if (last && answered > 0) {
        proved[i].info.away = no_answer(units_[i].info.lun);
        refused[i] = scsi::RetryClass::none;
        continue;
      }
      auto answer = co_await prove(units_[i]);
      if (answer) {
        proved[i] = std::move(*answer);
        ++answered;
        continue;
      }
      if (!refused_) co_return answer.error();
      proved[i].info.away = answer.error();
      refused[i] = refused_;
    }
  }
  if (answered == 0) {
    // What another attempt may find otherwise comes first.
    const auto passes = [](const UnitProfile& unit) { return unit.info.away.code != Errc::no_such_lun; };
    const auto why = std::ranges::find_if(proved, passes);
    co_return (why != proved.end() ? *why : proved.front()).info.away;
  }
  std::vector<session::AwayUnit> away;
  for (std::size_t i = 0; i < proved.size(); ++i)
    if (refused[i]) away.push_back({wire_lun(proved[i].info.lun), proved[i].info.away.code, *refused[i]});
  units_ = std::move(proved);
  away_ = std::move(away);
  co_return Result<>();
}

// Each channel has to find what the session has, and does not decide about it.
Task<Result<>> LunProbe::prove_present() {
  auto proved = units_;
  for (auto& unit : proved) {
    if (unit.info.away.code != Errc::ok) continue;
    auto answer = co_await prove(unit);
    if (!answer) co_return answer.error();
    unit = std::move(*answer);
  }
  units_ = std::move(proved);
  co_return Result<>();
}

}  // namespace srpi::lun
