// SPDX-License-Identifier: Apache-2.0
// The fabric that the session gets: the loopback's endpoints, watched by a WireModel; and bent on purpose by
// some canaries.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "fabric/endpoint.hpp"
#include "loopback/network.hpp"
#include "wire_model.hpp"

namespace srpi::sim {

// Planted bugs that the checkers must find, in places where the library itself need not be bent.
enum class Canary : std::uint8_t {
  none,
  late_dma,       // abort() leaves the queue pair alive: the target still reaches memory after it
  credit_leaked,  // now and then a credit of an answer does not reach the session
  few_receives,   // a part of the receives is never posted
};

// What a simulation decides about the session's side of a connection.
struct FabricHooks {
  WireModel& wire;
  Canary canary = Canary::none;
  // Asked for each event; may change its private data.
  std::function<void(fabric::ConnectionEvent&)> on_event;
  // Endpoints that late_dma keeps; cleared before the network goes.
  std::vector<std::unique_ptr<fabric::ActiveEndpoint>> left_alive;
};

class SimFabric final : public fabric::Fabric {
 public:
  // Both are the caller's and outlive the fabric.
  SimFabric(loopback::Network& network, FabricHooks& hooks)
      : network_(network), hooks_(hooks), device_(network.initiator_device()) {}

  void use_device(std::shared_ptr<loopback::Device> device) { device_ = std::move(device); }
  [[nodiscard]] const std::shared_ptr<loopback::Device>& device() const noexcept { return device_; }

  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  // The simulation moves the network itself, a step at a time.
  std::size_t progress() override { return 0; }

 private:
  loopback::Network& network_;
  FabricHooks& hooks_;
  std::shared_ptr<loopback::Device> device_;
};

}  // namespace srpi::sim
