// SPDX-License-Identifier: Apache-2.0
#include "loopback/device.hpp"

#include <fmt/format.h>

#include "base/check.hpp"

namespace srpi::loopback {

Result<std::uint32_t> MemoryTable::add(std::span<std::byte> bytes, fabric::Access access) {
  std::uint32_t index;
  if (free_ > 64 || (free_ > 0 && slots_.size() == kMaxRegions)) {
    index = first_free_;
    first_free_ = slots_[index].next_free;
    --free_;
  } else if (slots_.size() < kMaxRegions) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back({.lkey = ((salt_ + 1) << 16) | index});
  } else {
    return Error{Errc::no_memory,
                 fmt::format("all {} memory regions of the loopback device are in use", kMaxRegions)};
  }
  Slot& slot = slots_[index];
  slot.lkey += 1u << 16;
  slot.begin = reinterpret_cast<std::uintptr_t>(bytes.data());
  slot.bytes = bytes.size();
  slot.remote = access == fabric::Access::remote;
  ++live_;
  return slot.lkey;
}

void MemoryTable::remove(std::uint32_t lkey) noexcept {
  const std::uint32_t index = lkey & kIndexMask;
  SRPI_CHECK(index < slots_.size() && slots_[index].lkey == lkey);
  if (slots_[index].bytes != 0) --live_;
  slots_[index].bytes = 0;
  if (free_++ == 0)
    first_free_ = index;
  else
    slots_[last_free_].next_free = index;
  last_free_ = index;
}

void MemoryTable::clear() noexcept {
  for (Slot& slot : slots_) slot.bytes = 0;
  live_ = 0;
}

class Region final : public fabric::MemoryRegion {
 public:
  Region(std::shared_ptr<Device> device, std::span<std::byte> bytes, std::uint32_t lkey)
      : MemoryRegion(bytes, lkey, MemoryTable::rkey_of(lkey)), device_(std::move(device)) {}
  ~Region() override { device_->memory_.remove(lkey()); }

 private:
  std::shared_ptr<Device> device_;
};

Result<std::unique_ptr<fabric::MemoryRegion>> Device::register_memory(std::span<std::byte> bytes,
                                                                      fabric::Access access) {
  if (removed_) return Error{Errc::device_removed, fmt::format("{} was removed", name_)};
  if (bytes.empty()) return Error{Errc::invalid_argument, "no bytes to register"};
  const auto lkey = memory_.add(bytes, access);
  if (!lkey) return lkey.error();
  return std::unique_ptr<fabric::MemoryRegion>(std::make_unique<Region>(shared_from_this(), bytes, *lkey));
}

void Device::remove() noexcept {
  removed_ = true;
  memory_.clear();
}

}  // namespace srpi::loopback
