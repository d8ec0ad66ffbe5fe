// SPDX-License-Identifier: Apache-2.0
// A fabric that connects a session with one built-in target, which has small units. progress() also runs the target.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/session_impl.hpp"
#include "target/ram_target.hpp"

namespace srpi::test {

class TargetFabric final : public fabric::Fabric {
 public:
  TargetFabric(const TargetAddress& address, std::uint16_t units, target::CommandHook hook = {}) {
    target::TargetConfig config;
    config.port_id = address.target_port_id();
    for (std::uint16_t i = 0; i < units; ++i)
      config.luns.push_back({.number = i, .bytes = 4096, .name = "unit-" + std::to_string(i)});
    target_ = target::RamTarget::create(std::move(config)).value();
    target_->set_command_hook(std::move(hook));
    network_.listen(loopback::service_of(address), *target_, network_.target_device()).value();
  }
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& address,
                                                       const fabric::ConnectOptions& options) override {
    return loopback::Fabric(network_).open(address, options);
  }
  std::size_t progress() override { return network_.progress() + target_->poll(); }
  [[nodiscard]] target::RamTarget& target() noexcept { return *target_; }

 private:
  loopback::Network network_;
  std::unique_ptr<target::RamTarget> target_;
};

}  // namespace srpi::test
