// SPDX-License-Identifier: Apache-2.0
// The memory of a channel's information units: send slots, then receive buffers. It is allocated once, and
// registered again only if the device changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "channel/layout.hpp"
#include "fabric/endpoint.hpp"

namespace srpi::channel {

class Buffers {
 public:
  explicit Buffers(const ChannelLimits& limits) noexcept
      : send_bytes_(send_slot_bytes(limits)),
        send_slots_(send_slot_count(limits)),
        receives_(receive_count(limits)) {}

  [[nodiscard]] Result<> use_device(std::shared_ptr<fabric::Device>);
  void let_device_go() noexcept;
  [[nodiscard]] const std::shared_ptr<fabric::Device>& device() const noexcept { return device_; }

  [[nodiscard]] std::span<std::byte> send_slot(std::uint32_t slot) noexcept {
    return {memory_.data() + std::size_t{slot} * send_bytes_, send_bytes_};
  }
  [[nodiscard]] std::byte* receive(std::uint32_t index) noexcept {
    return memory_.data() + std::size_t{send_slots_} * send_bytes_ + std::size_t{index} * kReceiveBytes;
  }
  [[nodiscard]] std::uint32_t lkey() const noexcept { return region_->lkey(); }

 private:
  const std::uint32_t send_bytes_, send_slots_, receives_;
  std::vector<std::byte> memory_;
  std::shared_ptr<fabric::Device> device_;
  std::unique_ptr<fabric::MemoryRegion> region_;  // on device_
};

}  // namespace srpi::channel
