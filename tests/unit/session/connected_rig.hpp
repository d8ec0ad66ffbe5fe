// SPDX-License-Identifier: Apache-2.0
// The channels of a session that are logged in to the built-in target, without a nexus. For tests of the parts
// that use them.
#pragma once

#include <catch2/catch.hpp>

#include "channels_rig.hpp"
#include "parts_rig.hpp"

namespace srpi::session::test {

struct Connected {
  explicit Connected(std::uint32_t number_of_channels) : options(with_channels(number_of_channels)) {
    target::TargetConfig config;
    config.port_id = Rig::address().target_port_id();
    config.luns.push_back({.number = 0, .bytes = 1 << 20, .name = "rig"});
    config.login_attention = std::nullopt;
    target = target::RamTarget::create(config).value();
    network.listen(loopback::service_of(Rig::address()), *target, network.target_device()).value();
    Attempt attempt(context, link(0).channel, options.connect_timeout);
    std::optional<AttemptOutcome> outcome;
    srpi::test::settle([&] {
      std::size_t work = 0;
      if (!outcome) outcome = attempt.poll(work);
      return work + turn();
    });
    REQUIRE(outcome);
    REQUIRE(outcome->error.code == Errc::ok);
    units.update(outcome->units, marks, clock.now());
    channels.note_first_login();
    channels.go_live(link(0));
    joins.try_now(clock.now());
  }
  ~Connected() {
    live_proof.end();
    joins.drop(clock.now());
    for (const auto& link : channels.all()) close(link->channel, marks, clock.now());
    memories.let_device_go();
    network.stop_listening(loopback::service_of(Rig::address()));
  }

  // Runs what the peer and the channels have to do.
  std::size_t turn() {
    channels.flush();
    return channels.poll() + network.progress() + target->poll();
  }
  void settle() {
    srpi::test::settle([this] { return turn(); });
  }
  // The result of the login that is due now, or of the one that runs.
  std::optional<Joins::Outcome> join() {
    std::optional<Joins::Outcome> outcome;
    srpi::test::settle([&] {
      std::size_t work = 0;
      if (!outcome) outcome = joins.poll(clock.now(), false, work);
      return work + turn();
    });
    return outcome;
  }
  Link& link(std::size_t i) { return *channels.all()[i]; }

  SessionOptions options;
  base::ManualClock clock;
  base::Random random{1};
  loopback::Network network;
  loopback::Fabric fabric{network};
  std::unique_ptr<target::RamTarget> target;
  FakeProof proof;
  NoEvents events;
  MemoryTable memories;
  FenceMarks marks;
  AwayUnits units{options, random};
  LoginContext context{fabric, options, clock, proof, memories, marks, units, Rig::address(), {}, 7};
  ChannelSet channels{options, clock, random, events};
  Joins joins{context, channels};
  LiveProof live_proof{context, channels, joins};
};

}  // namespace srpi::session::test
