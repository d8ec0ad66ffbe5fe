// SPDX-License-Identifier: Apache-2.0
// A session's nexus with its logical units over the built-in target, on a manual clock.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "lun/unit.hpp"
#include "lun/unit_proof.hpp"
#include "session/nexus.hpp"
#include "target/ram_target.hpp"
#include "test/settle.hpp"

namespace srpi::lun::test {

inline constexpr std::uint64_t kLun1 = std::uint64_t{1}
                                       << 48;  // the rig's second unit, as it goes over the wire

// I/O of a lost connection waits so long for the next one.
inline SessionOptions holding(Milliseconds fast_io_fail = Milliseconds{5000}) {
  SessionOptions options;
  options.fast_io_fail = fast_io_fail;
  return options;
}

// Connects through the device that it is told to.
class RoamingFabric final : public fabric::Fabric {
 public:
  explicit RoamingFabric(loopback::Network& n) : device(n.initiator_device()), network_(n) {}
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& a,
                                                       const fabric::ConnectOptions& o) override {
    return loopback::Fabric(network_, device).open(a, o);
  }
  std::size_t progress() override { return silent ? 0 : network_.progress(); }
  bool silent = false;  // nothing arrives, on either side
  std::shared_ptr<loopback::Device> device;

 private:
  loopback::Network& network_;
};

class Rig : public session::NexusObserver {
 public:
  static constexpr std::uint64_t kDiskBytes = 1 << 20;

  // The hook is there from the first question on.
  explicit Rig(SessionOptions o = {}, target::TargetConfig config = {}, target::CommandHook hook = {})
      : options(std::move(o)), proof(options, clock) {
    config.port_id = address().target_port_id();
    if (config.luns.empty())
      for (const std::uint16_t lun : {0, 1})
        config.luns.push_back(
            {.number = lun, .bytes = kDiskBytes, .max_bytes = 4 * kDiskBytes, .name = "rig"});
    for (auto& lun : config.luns) lun.name += std::to_string(lun.number);
    target = target::RamTarget::create(std::move(config)).value();
    target->set_command_hook(std::move(hook));
    network.listen(loopback::service_of(address()), *target, network.target_device()).value();
    nexus =
        std::make_unique<session::Nexus>(fabric, address(), options, clock, base::Random(1), proof, *this);
    settle();
    make_units();
  }
  // For a login that ends later than the constructor.
  void make_units() {
    for (auto i = units.size(); i < proof.units().size(); ++i) {
      units.push_back(std::make_unique<Unit>(*nexus, busy_units, proof.units()[i], options, clock));
      units.back()->prepare().value();
    }
  }
  ~Rig() override {
    nexus->erase();
    for (auto& unit : units) unit->fail_waiting(Errc::no_connect);
    units.clear();
    nexus.reset();
    network.stop_listening(loopback::service_of(address()));
  }

  static TargetAddress address() {
    return parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
  }
  std::size_t turn() {
    std::size_t n = 0;
    n += busy_units.poll();
    n += nexus->poll();
    n += busy_units.poll();
    nexus->flush();
    return n + fabric.progress() + target->poll();
  }
  void settle() {
    srpi::test::settle([this] { return turn(); });
  }
  void pass(base::Duration time) {
    clock.advance(time);
    settle();
  }
  // In steps, as sleepers wake up: by whatever is due next.
  void pass_in_steps(base::Duration time, base::Duration step = std::chrono::milliseconds(5)) {
    for (base::Duration at{}; at < time; at += step) pass(step);
  }

  void come_back() {
    settle();
    for (int i = 0; i < 600 && nexus->state() != session::State::live; ++i)
      pass(std::chrono::milliseconds(100));
  }

  void on_state(session::State, session::State, const Error&) override {}
  void on_attempt_failed(const Error&) override { failed_at.push_back(clock.now()); }
  void on_unit_event(std::uint64_t lun, scsi::Event e) override {
    events.emplace_back(lun >> 48, e);
    for (auto& unit : units)
      if (e == scsi::Event::deferred_error && unit->wire_lun() == lun) unit->note_lost_write();
  }
  void on_units_proved() override {
    ++proofs;
    for (std::size_t i = 0; i < units.size(); ++i)
      if (units[i]->update(proof.units()[i])) ++resizes;
  }

  SessionOptions options;
  base::ManualClock clock;
  loopback::Network network;
  RoamingFabric fabric{network};
  std::unique_ptr<target::RamTarget> target;
  UnitProof proof;
  std::unique_ptr<session::Nexus> nexus;
  BusyUnits busy_units;
  std::vector<std::unique_ptr<Unit>> units;
  std::vector<std::pair<std::uint64_t, scsi::Event>> events;
  std::vector<base::Time> failed_at;
  int proofs = 0, resizes = 0;
};

// One block request of 4 KiB with its memory.
struct Io {
  Io(Rig& rig, IoOperation operation, std::uint64_t first_block, char value = 0)
      : bytes(kBytes, static_cast<std::byte>(value)),
        memory(rig.nexus->memories().add(bytes).value()),
        segment{bytes.data(), kBytes, memory.get()} {
    request.operation = operation;
    if (operation != IoOperation::flush) {
      request.first_block = first_block;
      request.blocks = kBytes / 512;
    }
    if (operation == IoOperation::read || operation == IoOperation::write)
      request.data = std::span(&segment, 1);
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept { ++static_cast<Io*>(r.context)->completions; };
  }
  static constexpr std::uint32_t kBytes = 4096;
  std::vector<std::byte> bytes;
  std::unique_ptr<Memory> memory;
  Segment segment;
  IoRequest request;
  int completions = 0;
};

}  // namespace srpi::lun::test
