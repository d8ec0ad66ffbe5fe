// SPDX-License-Identifier: Apache-2.0
// The limits for one logical unit, combined from the unit's and the initiator's limits.
#pragma once

#include <cstdint>
#include <optional>

#include "scsi/capacity.hpp"
#include "scsi/vpd.hpp"
#include "srpi/error.hpp"

namespace srpi::scsi {

struct InitiatorLimits {
  std::uint64_t max_transfer_bytes = 0;                         // of one command; at least one logical block
  std::uint64_t max_write_same_bytes = std::uint64_t{1} << 30;  // bounds the time that one command takes
};

struct TransferLimits {
  std::uint32_t max_transfer_blocks = 0;         // never zero
  std::uint32_t optimal_transfer_blocks = 0;     // at most max_transfer_blocks; zero: not reported
  std::uint32_t optimal_granularity_blocks = 1;  // never zero
  std::uint64_t physical_block_size = 0;         // bytes; at most max_transfer_blocks

  // UNMAP may be sent. The next three limits are then not zero.
  bool can_unmap = false;
  std::uint32_t max_unmap_blocks = 0;  // of all descriptors of one command together
  std::uint32_t max_unmap_descriptors = 0;
  std::uint32_t unmap_granularity_blocks = 0;
  std::uint32_t unmap_alignment_blocks = 0;  // aligned LBAs are this modulo the granularity

  std::uint32_t max_write_same_blocks = 0;  // never zero, fits WRITE SAME(16)
  bool write_same_can_unmap = false;        // WRITE SAME(16) with the UNMAP bit
  bool unmapped_reads_zeroes = false;       // with write_same_can_unmap: a cheap way to write zeroes

  friend bool operator==(const TransferLimits&, const TransferLimits&) = default;
};

// nullopt stands for a page that the unit does not have. Zero in a page means "not reported". No reported
// value makes the result overflow. not_supported: the block size is not a power of two of at least 512 bytes, or one
// block does not fit max_transfer_bytes.
[[nodiscard]] Result<TransferLimits> combine(const Capacity&, const std::optional<BlockLimits>&,
                                             const std::optional<LogicalBlockProvisioning>&,
                                             const InitiatorLimits&);

}  // namespace srpi::scsi
