// SPDX-License-Identifier: Apache-2.0
// The built-in target of ram:// addresses, over the loopback fabric. It runs in the session's thread.
#pragma once

#include <memory>
#include <string>

#include "fabric/endpoint.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "srpi/target_address.hpp"
#include "target/ram_target.hpp"

namespace srpi::api {

class EmbeddedFabric final : public fabric::Fabric {
 public:
  // `seed` determines the units' names, so that two targets have different units.
  [[nodiscard]] static Result<std::unique_ptr<EmbeddedFabric>> create(const TargetAddress&,
                                                                      std::uint64_t seed);
  ~EmbeddedFabric() override;

  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress&,
                                                                     const fabric::ConnectOptions&) override;
  std::size_t progress() override;
  void set_online(bool);
  // bytes = 0: a unit that was removed.
  [[nodiscard]] Result<> add_unit(std::uint16_t lun, std::uint64_t bytes);
  [[nodiscard]] Result<> remove_unit(std::uint16_t lun);

 private:
  EmbeddedFabric(const TargetAddress&, std::uint64_t seed);
  [[nodiscard]] target::LunConfig unit(std::uint16_t lun, std::uint64_t bytes) const;

  const RamAddress ram_;
  const std::uint64_t seed_;
  loopback::Network network_;
  std::unique_ptr<target::RamTarget> target_;
  loopback::Fabric fabric_;
  std::string service_;
};

}  // namespace srpi::api
