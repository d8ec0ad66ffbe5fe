// SPDX-License-Identifier: Apache-2.0
#include "loopback/fabric.hpp"

#include <fmt/format.h>

#include <variant>

namespace srpi::loopback {

std::string service_of(const TargetAddress& address) {
  struct Name {
    std::string operator()(const RdmaCmAddress& a) const { return fmt::format("{}:{}", a.host, a.port); }
    std::string operator()(const IbCmAddress& a) const {
      return fmt::format("service_id={:016x}", a.service_id);
    }
    std::string operator()(const RamAddress& a) const {
      return fmt::format("ram:{}x{}/{}", a.luns, a.size_bytes, a.block_size);
    }
  };
  return std::visit(Name{}, address.transport);
}

Result<std::unique_ptr<fabric::ActiveEndpoint>> Fabric::open(const TargetAddress& address,
                                                             const fabric::ConnectOptions& options) {
  return network_.open(device_, service_of(address), options,
                       !std::holds_alternative<IbCmAddress>(address.transport));
}

}  // namespace srpi::loopback
