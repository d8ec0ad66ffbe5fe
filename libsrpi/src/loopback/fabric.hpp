// SPDX-License-Identifier: Apache-2.0
// fabric::Fabric over a loopback network, for initiators.
#pragma once

#include <memory>
#include <string>

#include "fabric/endpoint.hpp"
#include "loopback/network.hpp"

namespace srpi::loopback {

// The service name of this address, at which its target listens: "HOST:PORT", "service_id=…" or "ram:…".
[[nodiscard]] std::string service_of(const TargetAddress&);

class Fabric final : public fabric::Fabric {
 public:
  // The network belongs to the caller and must outlive the fabric.
  Fabric(Network& network, std::shared_ptr<Device> device) : network_(network), device_(std::move(device)) {}
  explicit Fabric(Network& network) : Fabric(network, network.initiator_device()) {}

  // The endpoint of an IbCmAddress uses the 64-byte login request; all others use the compact one.
  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  std::size_t progress() override { return network_.progress(); }

 private:
  Network& network_;
  std::shared_ptr<Device> device_;
};

}  // namespace srpi::loopback
