// SPDX-License-Identifier: Apache-2.0
// The target's state apart from its channels: sessions with their unit attentions, memory registrations of
// the disks, held writes and pending task management functions.
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

// The pending unit attentions of one session and one logical unit (SAM-5 5.14), the oldest first. A condition
// is pending at most once. If there is no room, a new one is dropped.
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

// An I_T nexus: all channels of one initiator port, or a single channel if channels_are_sessions.
struct Nexus {
  PortId initiator;
  std::uint32_t channels = 0;
  bool ended = false;                  // another login replaced it; its last channels are about to end
  std::vector<Attentions> attentions;  // by LogicalUnit::index()
};

// The registrations of the disks with one device.
struct DeviceMemory {
  std::shared_ptr<fabric::Device> device;
  std::vector<std::unique_ptr<fabric::MemoryRegion>> disks;  // by LogicalUnit::index()
};

// A write with Outcome::Kind::hold_medium: its data is here, but not yet on the disk.
struct HeldWrite {
  PortId initiator;
  ChannelNumber channel = 0;
  std::uint32_t slot = 0;
  LogicalUnit* unit = nullptr;
  std::uint64_t lba = 0;
  std::uint32_t blocks = 0;
  bool fua = false;
  bool complete = false;  // all data is fetched
  std::vector<std::byte> data;
  std::unique_ptr<fabric::MemoryRegion> region;
};

// A task management function that is not answered yet, because RDMA can still reach buffers of the aborted
// commands.
struct PendingFunction {
  std::uint64_t number = 0;
  ChannelNumber channel = 0;
  std::uint32_t slot = 0;
  std::uint32_t waits_for = 0;  // the number of such commands
};

}  // namespace srpi::target
