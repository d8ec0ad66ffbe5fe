// SPDX-License-Identifier: Apache-2.0
#include "channel/buffers.hpp"

namespace srpi::channel {

Result<> Buffers::use_device(std::shared_ptr<fabric::Device> device) {
  if (device == device_) return {};
  let_device_go();  // remains without a region if registration fails
  memory_.resize(std::size_t{send_slots_} * send_bytes_ + std::size_t{receives_} * kReceiveBytes);
  auto region = device->register_memory(memory_, fabric::Access::local);
  if (!region) return region.error();
  region_ = std::move(*region);
  device_ = std::move(device);
  return {};
}

void Buffers::let_device_go() noexcept {
  region_.reset();
  device_.reset();
}

}  // namespace srpi::channel
