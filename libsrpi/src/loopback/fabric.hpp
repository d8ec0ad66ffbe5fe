// SPDX-License-Identifier: Apache-2.0
// The seam's Fabric over a loopback network: what an initiator is given.
#pragma once

#include <memory>
#include <string>

#include "fabric/endpoint.hpp"
#include "loopback/network.hpp"

namespace srpi::loopback {

// The service at which a target listens that answers to this address: "HOST:PORT", "service_id=…" or "ram:…".
[[nodiscard]] std::string service_of(const TargetAddress&);

class Fabric final : public fabric::Fabric {
 public:
  // The network is the caller's and outlives the fabric.
  Fabric(Network& network, std::shared_ptr<Device> device) : network_(network), device_(std::move(device)) {}
  explicit Fabric(Network& network) : Fabric(network, network.initiator_device()) {}

  // An IbCmAddress gives an endpoint with room for the 64-byte login, all others the compact one.
  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  std::size_t progress() override { return network_.progress(); }

 private:
  Network& network_;
  std::shared_ptr<Device> device_;
};

}  // namespace srpi::loopback
