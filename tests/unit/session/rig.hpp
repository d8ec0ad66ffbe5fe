// SPDX-License-Identifier: Apache-2.0
// A nexus with the built-in target as its peer and a manual clock, for the tests of this folder.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "session/nexus.hpp"
#include "target/ram_target.hpp"
#include "test/settle.hpp"

namespace srpi::session::test {

// The result of a proof for a unit, as determined by a test.
struct AwayUnit {
  std::uint64_t lun = 0;
  Errc code = Errc::ok;
  scsi::RetryClass retry = scsi::RetryClass::none;
};

// The search that a test determines. By default there are no further units.
class FakeSearch final : public Search {
 public:
  void start(Channel& channel, const LunSet& left_out, base::Time until) override {
    ++starts;
    over_channel = &channel;
    asked_lun_0 = !left_out.contains(0);
    ends_at = until;
    runs = true;
  }
  bool has_ended() override { return runs && !silent; }
  Found take() override {
    runs = false;
    taken = std::exchange(found, {});
    return {taken, error};
  }
  bool is_worth_repeating() const noexcept override { return false; }
  void forget_silence() noexcept override { ++asked_again; }
  base::Time next() const noexcept override { return runs ? ends_at : base::kNever; }
  void cancel() noexcept override {
    cancelled += runs;
    runs = false;
  }
  void let_device_go() noexcept override {}

  int starts = 0, cancelled = 0, asked_again = 0;
  bool silent = false;  // does not end
  bool runs = false, asked_lun_0 = false;
  base::Time ends_at{};
  const Channel* over_channel = nullptr;
  std::vector<ProvedUnit> found, taken;
  Error error;
};

// This layer cannot use the real proof of layer lun. This one succeeds at once, or has the result that a test
// determines. LUN 0 always answers.
class FakeProof final : public Proof {
 public:
  void start(Channel&, const ProofScope& scope) override {
    asks = scope.asks;
    switch (scope.asks) {
      case ProofScope::Asks::identity:
        ++starts;
        if (found_away) away_units = *std::exchange(found_away, std::nullopt);
        return find();
      case ProofScope::Asks::presence: ++confirmations; return;
      case ProofScope::Asks::attentions: ++greetings; return;
    }
  }
  std::optional<Outcome> outcome() override {
    if (silent > 0) return std::nullopt;
    const bool last = wrong > 0 && --wrong == 0;
    const auto said = last ? std::exchange(answer, {}) : answer;
    if (said.has_error()) return Outcome(said.error());
    return Outcome(asks == ProofScope::Asks::identity ? std::span<const ProvedUnit>(units)
                                                      : std::span<const ProvedUnit>());
  }
  void cancel() noexcept override { silent -= silent > 0; }
  base::Time next() const noexcept override { return base::kNever; }
  void let_device_go() noexcept override {}
  Search& search() noexcept override { return searching; }

  FakeSearch searching;
  Result<> answer;
  std::vector<AwayUnit> away_units;
  std::optional<std::vector<AwayUnit>> found_away;  // the result of the next proof of identity
  int starts = 0, confirmations = 0, greetings = 0;
  int silent = 0;  // has no outcome until it was cancelled this often
  int wrong = 0;   // how often the outcome is `answer`, before it succeeds

 private:
  // A unit that was away before belongs to the session.
  void find() {
    if (units.empty()) units.emplace_back();
    for (auto& unit : units) unit = {.lun = unit.lun};
    for (const auto& away : away_units) {
      auto unit = std::ranges::find(units, away.lun, &ProvedUnit::lun);
      if (unit == units.end()) unit = units.insert(unit, ProvedUnit{.lun = away.lun});
      *unit = {away.lun, ProvedUnit::Answer::refused, away.code, away.retry};
    }
  }
  ProofScope::Asks asks = ProofScope::Asks::identity;
  std::vector<ProvedUnit> units;
};

struct Counted {
  Command command;
  int completions = 0;
};

// A reset of unit 0.
struct UnitReset : Tmf {
  explicit UnitReset(base::Time at_most = base::kNever) {
    deadline = at_most;
    owner = this;
    on_complete = [](Tmf& done) noexcept { ++static_cast<UnitReset*>(done.owner)->completions; };
  }
  int completions = 0;
};

// Blocks with one value, and the command that writes them.
struct Write {
  Write(Nexus& nexus, std::uint64_t lba, char value) : bytes(kBytes, static_cast<std::byte>(value)) {
    memory = nexus.memories().add(bytes).value();
    segment = {bytes.data(), kBytes, memory->lkey(), memory->rkey()};
    counted.command.direction = Direction::to_target;
    counted.command.data = std::span(&segment, 1);
    counted.command.data_bytes = kBytes;
    cdb = scsi::write_blocks(lba, kBytes / 512, false);
  }
  static constexpr std::uint32_t kBytes = 4096;
  std::vector<std::byte> bytes;
  std::unique_ptr<Memory> memory;
  DataSegment segment;
  scsi::Cdb cdb;
  Counted counted;
};

// A target whose backing device has queued writes. Neither the end of the channel nor the next login ends
// them.
inline target::TargetConfig with_ghosts() {
  target::TargetConfig config;
  config.login_ends_held_writes = false;
  return config;
}

// The target's possible answers to a task management function.
inline constexpr target::TaskOutcome kRefused{target::TaskOutcome::Kind::answer, wire::TaskResult::failed};
inline constexpr target::TaskOutcome kLost{target::TaskOutcome::Kind::lose, {}};

class Rig : public NexusObserver {
 public:
  explicit Rig(SessionOptions o = {}, target::TargetConfig config = {}) : options(std::move(o)) {
    config.port_id = address().target_port_id();
    config.luns.push_back({.number = 0, .bytes = 1 << 20, .name = "rig"});
    config.login_attention = std::nullopt;
    target = target::RamTarget::create(config).value();
    network.listen(loopback::service_of(address()), *target, network.target_device()).value();
    start();
  }
  ~Rig() override {
    nexus.reset();
    network.stop_listening(loopback::service_of(address()));
  }

  void start() {
    nexus = std::make_unique<Nexus>(fabric, address(), options, clock, base::Random(1), proof, *this);
  }

  static TargetAddress address() {
    return parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  }
  std::size_t turn() { return nexus->poll() + network.progress() + target->poll(); }
  // Runs until nothing is left to do, without advancing the clock.
  void settle() {
    srpi::test::settle([this] { return turn(); });
  }
  void pass(base::Duration time) {
    clock.advance(time);
    settle();
  }
  void submit(Counted& c, scsi::Cdb cdb = scsi::test_unit_ready()) {
    c.command.cdb = cdb;
    c.command.owner = &c;
    c.command.on_complete = [](Command& done) noexcept { ++static_cast<Counted*>(done.owner)->completions; };
    nexus->submit(c.command);
  }

  void submit(Write& w) { submit(w.counted, w.cdb); }
  [[nodiscard]] char on_disk(std::uint64_t lba) const {
    return static_cast<char>(target->disk_bytes(0)[lba * 512]);
  }
  // Runs until the session is live, at most for a virtual minute.
  void come_back() {
    settle();
    for (int i = 0; i < 600 && nexus->state() != State::live; ++i) pass(std::chrono::milliseconds(100));
  }

  void on_state(State, State to, const Error& cause) override {
    states.push_back(to);
    causes.push_back(cause);
  }
  void on_attempt_failed(const Error& e) override { failures.push_back(e); }
  void on_unit_event(std::uint64_t lun, scsi::Event e) override { events.emplace_back(lun, e); }
  void on_units_proved() override { ++proofs; }
  void on_channels(std::uint32_t, const Error& cause) override {
    if (cause.code != Errc::ok) told.push_back(cause);
  }

  SessionOptions options;
  base::ManualClock clock;
  loopback::Network network;
  loopback::Fabric fabric{network};
  std::unique_ptr<target::RamTarget> target;
  FakeProof proof;
  std::vector<State> states;
  std::vector<Error> causes, failures, told;
  std::vector<std::pair<std::uint64_t, scsi::Event>> events;
  int proofs = 0;
  std::unique_ptr<Nexus> nexus;
};

}  // namespace srpi::session::test
