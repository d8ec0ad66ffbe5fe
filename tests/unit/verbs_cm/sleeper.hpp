// SPDX-License-Identifier: Apache-2.0
// A whole nexus over these verbs, and a thread that sleeps on its descriptors.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "fake_cm.hpp"
#include "session/nexus.hpp"
#include "watch.hpp"

namespace srpi::verbs::test {

// No connection gets as far as this.
class NoProof final : public session::Proof, private session::Search {
 public:
  void start(session::Channel&, const session::ProofScope&) override {}
  std::optional<Outcome> outcome() override { return std::nullopt; }
  base::Time next() const noexcept override { return base::kNever; }
  void cancel() noexcept override {}
  void let_device_go() noexcept override {}
  session::Search& search() noexcept override { return *this; }

 private:
  void start(session::Channel&, const session::LunSet&, base::Time) override {}
  bool has_ended() override { return false; }
  Found take() override { return {}; }
  bool is_worth_repeating() const noexcept override { return false; }
  void forget_silence() noexcept override {}
};

class Sleeper final : public session::NexusObserver {
  fabric::Fabric& fabric_;
  const std::string dest_;

 public:
  Sleeper(fabric::Fabric& fabric, std::string dest) : fabric_(fabric), dest_(std::move(dest)) {}

  // Watches anew only when the nexus says that there is something else to watch, as a session does.
  void fall_asleep() {
    while (nexus.poll() > 0) {
    }
    REQUIRE(nexus.arm());
    if (nexus.fds_version() == watched_version_) return;
    std::vector<int> fds;
    nexus.append_fds(fds);
    watch_.emplace(fds);
    watched_version_ = nexus.fds_version();
  }
  [[nodiscard]] bool woken() const { return watch_->readable(); }
  [[nodiscard]] bool woken_soon() const { return watch_->readable(10'000); }

  void on_state(session::State, session::State, const Error&) override {}
  void on_attempt_failed(const Error& error) override { failures.push_back(error); }
  void on_unit_event(std::uint64_t, scsi::Event) override {}
  void on_units_proved() override {}

  FakeCm cm;  // outlives the nexus
  base::ManualClock clock;
  NoProof proof;
  SessionOptions options;
  std::vector<Error> failures;
  session::Nexus nexus{fabric_,
                       parse_target("id_ext=1,ioc_guid=2,dest=" + dest_).value().address,
                       options,
                       clock,
                       base::Random(1),
                       proof,
                       *this};

 private:
  std::optional<Watch> watch_;
  std::uint64_t watched_version_ = ~0ull;
};

}  // namespace srpi::verbs::test
