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
  std::unique_ptr<EmbeddedFabric> fabric(new EmbeddedFabric(address, seed));
  for (std::uint32_t i = 0; i < ram.luns; ++i)
    config.luns.push_back(fabric->unit(static_cast<std::uint16_t>(i), ram.size_bytes));
  config.release_unmapped_pages = true;
  config.flood = ram.flood;
  auto target = target::RamTarget::create(std::move(config));
  if (!target) return target.error();
  fabric->target_ = std::move(*target);
  if (auto done =
          fabric->network_.listen(fabric->service_, *fabric->target_, fabric->network_.target_device());
      !done)
    return done.error();
  return fabric;
}

EmbeddedFabric::EmbeddedFabric(const TargetAddress& address, std::uint64_t seed)
    : ram_(std::get<RamAddress>(address.transport)),
      seed_(seed),
      fabric_(network_),
      service_(loopback::service_of(address)) {}

target::LunConfig EmbeddedFabric::unit(std::uint16_t lun, std::uint64_t bytes) const {
  target::LunConfig config;
  config.number = lun;
  config.bytes = bytes;
  if (ram_.flood == RamFlood::changes) config.max_bytes = bytes + kRoomToGrow;
  config.block_size = ram_.block_size;
  config.name = fmt::format("ram-{:016x}-{}", seed_, lun);
  return config;
}

Result<> EmbeddedFabric::add_unit(std::uint16_t lun, std::uint64_t bytes) {
  return bytes == 0 ? target_->restore_lun(lun) : target_->add_lun(unit(lun, bytes));
}

Result<> EmbeddedFabric::remove_unit(std::uint16_t lun) { return target_->remove_lun(lun); }

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
