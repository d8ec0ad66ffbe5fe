// SPDX-License-Identifier: Apache-2.0
// Channels without a session: each is logged in to the built-in target, on a manual clock.
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "channel/channel.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "target/ram_target.hpp"
#include "test/settle.hpp"
#include "wire/login.hpp"

namespace srpi::channel::test {

inline constexpr std::uint64_t kOtherLun = std::uint64_t{1} << 48;

struct Counted : Command {
  explicit Counted(scsi::Cdb what = scsi::test_unit_ready(), std::uint64_t to = 0) {
    cdb = what;
    lun = to;
    owner = this;
    on_complete = [](Command& c) noexcept { ++static_cast<Counted*>(c.owner)->completions; };
  }
  int completions = 0;
};

struct CountedTmf : Tmf {
  explicit CountedTmf(wire::TaskFunction what = wire::TaskFunction::lun_reset, std::uint64_t to = 0) {
    function = what;
    lun = to;
    owner = this;
    on_complete = [](Tmf& t) noexcept { ++static_cast<CountedTmf*>(t.owner)->completions; };
  }
  int completions = 0;
};

class Rig : public UnitEventSink {
 public:
  explicit Rig(std::uint32_t channels = 1, target::TargetConfig config = {}) {
    limits.queue_depth = 8;
    limits.command_timeout = std::chrono::seconds(30);
    limits.task_management_timeout = std::chrono::seconds(5);
    config.port_id = address().target_port_id();
    for (const std::uint16_t lun : {0, 1})
      config.luns.push_back({.number = lun, .bytes = 1 << 20, .name = "rig" + std::to_string(lun)});
    config.login_attention = std::nullopt;
    target = target::RamTarget::create(config).value();
    network.listen(loopback::service_of(address()), *target, network.target_device()).value();
    target->set_task_hook([this](const wire::TaskManagement& t) {
      functions.push_back(t.function);
      return task_outcome;
    });
    for (std::uint32_t i = 0; i < channels; ++i) {
      auto& added = *all.emplace_back(
          std::make_unique<Channel>(limits, clock, *this, resets, static_cast<std::uint16_t>(i)));
      resets.add(added);
      log_in(added, i == 0 ? wire::MultiChannel::single : wire::MultiChannel::independent);
    }
  }
  ~Rig() override {
    for (auto& one : all) (void)one->end();
    network.stop_listening(loopback::service_of(address()));
  }

  static TargetAddress address() {
    return parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  }
  [[nodiscard]] Channel& channel(std::size_t i = 0) { return *all[i]; }

  void log_in(Channel& to, wire::MultiChannel action = wire::MultiChannel::single) {
    auto endpoint = fabric.open(address(), {}).value();
    const auto event = [&](auto& from) {
      std::optional<fabric::ConnectionEvent> found;
      srpi::test::settle([&] {
        if (!found) found = from.next_event();
        return network.progress() + target->poll();
      });
      return found.value();
    };
    REQUIRE(event(*endpoint).kind == fabric::ConnectionEvent::Kind::resolved);
    to.open(std::move(endpoint)).value();
    wire::LoginRequest request;
    request.requested_it_iu_bytes = to.wanted_iu_bytes();
    request.direct_descriptors = request.indirect_descriptors = true;
    request.multichannel = action;
    request.initiator_port_id = PortId::make(1, 2);
    request.target_port_id = address().target_port_id();
    std::array<std::byte, 64> buffer;
    to.endpoint().connect(std::span(buffer).first(wire::encode_compact(request, buffer))).value();
    const auto answer = event(to.endpoint());
    REQUIRE(answer.kind == fabric::ConnectionEvent::Kind::established);
    const auto response =
        wire::decode_login_response(std::span(answer.private_data).first(answer.private_data_bytes)).value();
    to.start({response.request_limit, response.max_it_iu_bytes, false});
  }
  void settle() {
    srpi::test::settle([this] {
      std::size_t n = 0;
      for (auto& one : all) {
        n += one->poll();
        one->flush();
      }
      return n + network.progress() + target->poll();
    });
  }
  void pass(base::Duration time) {
    clock.advance(time);
    for (auto& one : all) one->check_deadlines(clock.now());
    resets.check_deadlines(clock.now());
    settle();
  }
  void keep_commands() {
    target->set_command_hook(
        [](const auto&) { return target::Outcome::of(target::Outcome::Kind::lose_command); });
  }

  void on_unit_event(std::uint64_t, scsi::Event) noexcept override {}
  void on_stuck_unit(std::uint64_t lun, const Channel&) noexcept override { stuck.push_back(lun); }

  ChannelLimits limits;
  base::ManualClock clock;
  loopback::Network network;
  loopback::Fabric fabric{network};
  std::unique_ptr<target::RamTarget> target;
  target::TaskOutcome task_outcome;
  std::vector<wire::TaskFunction> functions;
  std::vector<std::uint64_t> stuck;
  UnitResets resets;
  std::vector<std::unique_ptr<Channel>> all;
};

inline constexpr target::TaskOutcome kLost{target::TaskOutcome::Kind::lose, {}};
inline constexpr target::TaskOutcome kRefused{target::TaskOutcome::Kind::answer, wire::TaskResult::failed};

}  // namespace srpi::channel::test
