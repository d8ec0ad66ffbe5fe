// SPDX-License-Identifier: Apache-2.0
#include "scsi/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "scsi/unmap.hpp"

namespace srpi::scsi {
namespace {

constexpr std::uint32_t kLeastBlockBytes = 512;
constexpr std::uint64_t kMaxCdbBlocks =
    std::numeric_limits<std::uint32_t>::max();  // the field of a 16-byte CDB

// The smaller of our limit and the unit's. A unit's limit of zero is not reported.
std::uint32_t smaller(std::uint64_t ours, std::uint64_t theirs) {
  const auto limit = theirs == 0 ? ours : std::min(ours, theirs);
  return static_cast<std::uint32_t>(std::min(limit, kMaxCdbBlocks));
}

// SBC-3 4.7: the unit supports UNMAP if LBPME and LBPU are set and neither maximum is zero.
void combine_unmap(TransferLimits& out, const Capacity& capacity, const BlockLimits& reported,
                   const std::optional<LogicalBlockProvisioning>& provisioning) {
  out.can_unmap = capacity.provisioning_managed && reported.max_unmap_blocks != 0 &&
                  reported.max_unmap_descriptors != 0 && (!provisioning || provisioning->unmap);
  if (!out.can_unmap) return;
  out.max_unmap_blocks = reported.max_unmap_blocks;
  out.max_unmap_descriptors =
      static_cast<std::uint32_t>(std::min<std::size_t>(reported.max_unmap_descriptors, kMaxUnmapDescriptors));
  out.unmap_granularity_blocks = std::max(1u, reported.unmap_granularity_blocks);
  out.unmap_alignment_blocks = reported.unmap_alignment_blocks % out.unmap_granularity_blocks;
}

}  // namespace

Result<TransferLimits> combine(const Capacity& capacity, const std::optional<BlockLimits>& block_limits,
                               const std::optional<LogicalBlockProvisioning>& provisioning,
                               const InitiatorLimits& initiator) {
  if (!std::has_single_bit(capacity.block_size) || capacity.block_size < kLeastBlockBytes ||
      capacity.block_size > initiator.max_transfer_bytes)
    return Error{
        Errc::not_supported,
        fmt::format("blocks of {} bytes, expected a power of two from {} to {} (the maximum transfer)",
                    capacity.block_size, kLeastBlockBytes, initiator.max_transfer_bytes)};
  const BlockLimits reported = block_limits.value_or(BlockLimits{});
  TransferLimits out;
  out.max_transfer_blocks =
      smaller(initiator.max_transfer_bytes / capacity.block_size, reported.max_transfer_blocks);
  // A physical block that one command cannot carry is no use to anybody.
  out.physical_block_size = std::uint64_t{capacity.block_size} << (capacity.physical_exponent & 0xf);
  if (out.physical_block_size > std::uint64_t{capacity.block_size} * out.max_transfer_blocks)
    out.physical_block_size = capacity.block_size;
  out.optimal_transfer_blocks = std::min(reported.optimal_transfer_blocks, out.max_transfer_blocks);
  out.optimal_granularity_blocks = std::max<std::uint32_t>(1, reported.optimal_granularity_blocks);
  combine_unmap(out, capacity, reported, provisioning);

  const auto write_same_blocks =
      std::max<std::uint64_t>(1, initiator.max_write_same_bytes / capacity.block_size);
  out.max_write_same_blocks = smaller(write_same_blocks, reported.max_write_same_blocks);
  out.write_same_can_unmap = capacity.provisioning_managed && provisioning && provisioning->write_same_16;
  // Both the capacity and the VPD page must say so: a wrong yes would corrupt data.
  out.unmapped_reads_zeroes =
      capacity.provisioning_managed && capacity.reads_zeroes && (!provisioning || provisioning->reads_zeroes);
  return out;
}

}  // namespace srpi::scsi
