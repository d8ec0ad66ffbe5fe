// SPDX-License-Identifier: Apache-2.0
// The session's fabric: loopback endpoints that a WireModel watches and some canaries break.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fabric/endpoint.hpp"
#include "loopback/network.hpp"
#include "wire_model.hpp"

namespace srpi::sim {

// Planted bugs that need no change of the library. The checkers must find them.
enum class Canary : std::uint8_t {
  none,
  late_dma,       // abort() leaves the queue pair alive, so the target can still reach memory
  credit_leaked,  // sometimes the session does not get an answer's credit
  few_receives,   // some receives are not posted
};

// The simulation's hooks for the session's side of a connection.
struct FabricHooks {
  WireModel& wire;
  Canary canary = Canary::none;
  // Called for each event; may change its private data.
  std::function<void(fabric::ConnectionEvent&)> on_event;
  // Endpoints that late_dma keeps alive. Cleared before the network is destroyed.
  std::vector<std::unique_ptr<fabric::ActiveEndpoint>> left_alive;
};

class SimFabric final : public fabric::Fabric {
 public:
  // Both belong to the caller and must outlive the fabric.
  SimFabric(loopback::Network& network, FabricHooks& hooks)
      : network_(network), hooks_(hooks), device_(network.initiator_device()) {}

  void use_device(std::shared_ptr<loopback::Device> device) { device_ = std::move(device); }
  [[nodiscard]] const std::shared_ptr<loopback::Device>& device() const noexcept { return device_; }

  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  // The simulation runs the network itself, step by step.
  std::size_t progress() override { return 0; }

 private:
  loopback::Network& network_;
  FabricHooks& hooks_;
  std::shared_ptr<loopback::Device> device_;
};

}  // namespace srpi::sim
