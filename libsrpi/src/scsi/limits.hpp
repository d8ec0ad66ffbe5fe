// SPDX-License-Identifier: Apache-2.0
// The limits to keep for one logical unit: what it reports and what the initiator can do, combined.
#pragma once

#include <cstdint>
#include <optional>

#include "scsi/capacity.hpp"
#include "scsi/vpd.hpp"
#include "srpi/error.hpp"

namespace srpi::scsi {

struct InitiatorLimits {
  std::uint64_t max_transfer_bytes = 0;  // of one command; must be one logical block at least
  std::uint64_t max_write_same_bytes = std::uint64_t{1}
                                       << 30;  // keeps one command from occupying the target for long
};

struct TransferLimits {
  std::uint32_t max_transfer_blocks = 0;         // never zero
  std::uint32_t optimal_transfer_blocks = 0;     // zero: none reported; else at most max_transfer_blocks
  std::uint32_t optimal_granularity_blocks = 1;  // never zero
  std::uint64_t physical_block_size = 0;         // bytes

  // UNMAP may be sent: the three below are not zero then.
  bool can_unmap = false;
  std::uint32_t max_unmap_blocks = 0;  // of all descriptors of one command together
  std::uint32_t max_unmap_descriptors = 0;
  std::uint32_t unmap_granularity_blocks = 0;
  std::uint32_t unmap_alignment_blocks = 0;  // LBAs that are this modulo the granularity are aligned

  std::uint32_t max_write_same_blocks = 0;  // never zero, fits WRITE SAME(16)
  bool write_same_can_unmap = false;        // WRITE SAME(16) with the UNMAP bit
  bool unmapped_reads_zeroes = false;       // with the former: a cheap way to write zeroes

  friend bool operator==(const TransferLimits&, const TransferLimits&) = default;
};

// Pages that the unit does not have are nullopt. Zero in a page means "not reported", and nothing overflows
// whatever the target reports. invalid_argument: one block does not fit max_transfer_bytes.
[[nodiscard]] Result<TransferLimits> combine(const Capacity&, const std::optional<BlockLimits>&,
                                             const std::optional<LogicalBlockProvisioning>&,
                                             const InitiatorLimits&);

}  // namespace srpi::scsi
