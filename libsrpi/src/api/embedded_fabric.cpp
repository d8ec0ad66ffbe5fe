// SPDX-License-Identifier: Apache-2.0
#include "api/embedded_fabric.hpp"

#include <fmt/format.h>

namespace srpi::api {
namespace {

constexpr std::uint64_t kRoomToGrow = std::uint64_t{1} << 36;  // addresses, not memory

}  // namespace

Result<std::unique_ptr<EmbeddedFabric>> EmbeddedFabric::create(const TargetAddress& address,
                                                               std::uint64_t seed) {
  const auto& ram = std::get<RamAddress>(address.transport);
  target::TargetConfig config;
  config.port_id = address.target_port_id();
  for (std::uint32_t i = 0; i < ram.luns; ++i) {
    target::LunConfig lun;
    lun.number = static_cast<std::uint16_t>(i);
    lun.bytes = ram.size_bytes;
    if (ram.flood == RamFlood::changes) lun.max_bytes = ram.size_bytes + kRoomToGrow;
    lun.block_size = ram.block_size;
    lun.name = fmt::format("ram-{:016x}-{}", seed, i);
    config.luns.push_back(std::move(lun));
  }
  config.release_unmapped_pages = true;
  config.flood = ram.flood;
  auto target = target::RamTarget::create(std::move(config));
  if (!target) return target.error();
  std::unique_ptr<EmbeddedFabric> fabric(new EmbeddedFabric(std::move(*target), address));
  if (auto done =
          fabric->network_.listen(fabric->service_, *fabric->target_, fabric->network_.target_device());
      !done)
    return done.error();
  return fabric;
}

EmbeddedFabric::EmbeddedFabric(std::unique_ptr<target::RamTarget> target, const TargetAddress& address)
    : target_(std::move(target)), fabric_(network_), service_(loopback::service_of(address)) {}

EmbeddedFabric::~EmbeddedFabric() { network_.stop_listening(service_); }

Result<std::unique_ptr<fabric::ActiveEndpoint>> EmbeddedFabric::open(const TargetAddress& address,
                                                                     const fabric::ConnectOptions& options) {
  return fabric_.open(address, options);
}

// If memory is short, the target acts like one that restarts: its connections end, its disks stay.
std::size_t EmbeddedFabric::progress() {
  try {
    return network_.progress() + target_->poll();
  } catch (const std::bad_alloc&) {
    target_->drop_connections();
    return 1;
  }
}

void EmbeddedFabric::set_online(bool online) { target_->set_online(online); }

}  // namespace srpi::api
