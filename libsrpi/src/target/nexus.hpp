// SPDX-License-Identifier: Apache-2.0
// What the target keeps beside its channels: sessions with their unit attentions, the disks' registrations,
// writes that wait, task management functions that wait.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "fabric/memory.hpp"
#include "scsi/additional_sense.hpp"
#include "target/logical_unit.hpp"
#include "target/outcome.hpp"

namespace srpi::target {

// Pending unit attentions of one session and one logical unit (SAM-5 5.14), the oldest first. The same
// condition is pending once; when there is no room the newest is forgotten.
class Attentions {
 public:
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  void raise(scsi::AdditionalSense condition) noexcept {
    for (std::uint8_t i = 0; i < count_; ++i)
      if (pending_[i] == condition) return;
    if (count_ < pending_.size()) pending_[count_++] = condition;
  }
  // Precondition: not empty.
  scsi::AdditionalSense take() noexcept {
    const auto first = pending_[0];
    clear(first);
    return first;
  }
  void clear(scsi::AdditionalSense condition) noexcept {
    std::uint8_t kept = 0;
    for (std::uint8_t i = 0; i < count_; ++i)
      if (!(pending_[i] == condition)) pending_[kept++] = pending_[i];
    count_ = kept;
  }

 private:
  std::array<scsi::AdditionalSense, 4> pending_{};
  std::uint8_t count_ = 0;
};

// An I_T nexus: all channels of one initiator port, or one of them where channels are sessions.
struct Nexus {
  PortId initiator;
  std::uint32_t channels = 0;
  bool ended = false;                  // another login took its place; its last channels are about to go
  std::vector<Attentions> attentions;  // by LogicalUnit::index()
};

// The disks as one device knows them.
struct DeviceMemory {
  std::shared_ptr<fabric::Device> device;
  std::vector<std::unique_ptr<fabric::MemoryRegion>> disks;  // by LogicalUnit::index()
};

// Outcome::Kind::hold_medium: the data is here, the disk has not seen it.
struct HeldWrite {
  PortId initiator;
  ChannelNumber channel = 0;
  std::uint32_t slot = 0;
  LogicalUnit* unit = nullptr;
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;
  bool fua = false;
  bool complete = false;  // all data fetched
  std::vector<std::byte> data;
  std::unique_ptr<fabric::MemoryRegion> region;
};

// A task management function whose answer waits until nothing can reach the aborted commands' buffers any
// more.
struct PendingFunction {
  std::uint64_t number = 0;
  ChannelNumber channel = 0;
  std::uint32_t slot = 0;
  std::uint32_t waits_for = 0;  // commands
};

}  // namespace srpi::target
