// SPDX-License-Identifier: Apache-2.0
// READ CAPACITY, REPORT LUNS and MODE SENSE data from a target, and the limits computed from them.
#include <bit>
#include <cstdlib>

#include "scsi/capacity.hpp"
#include "scsi/limits.hpp"
#include "scsi/mode.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/vpd.hpp"

using namespace srpi::scsi;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

void use(const Capacity& capacity, Bytes rest) {
  must(capacity.block_size > 0 && capacity.blocks > 0);
  must(capacity.size_bytes() / capacity.block_size == capacity.blocks && capacity.size_bytes() < 1ull << 63);
  // The bytes after the capacity are used as block limits and provisioning pages.
  const auto reported = decode_block_limits(make_vpd(VpdPage::block_limits, rest));
  const auto provisioning =
      decode_logical_block_provisioning(make_vpd(VpdPage::logical_block_provisioning, rest));
  const auto limits = combine(capacity, *reported, *provisioning, {.max_transfer_bytes = 1 << 20});
  const auto block_size = capacity.block_size;
  must(limits.has_value() == (std::has_single_bit(block_size) && block_size >= 512 && block_size <= 1 << 20));
  if (!limits) return;
  must(limits->max_transfer_blocks > 0 && limits->max_write_same_blocks > 0 &&
       limits->optimal_granularity_blocks > 0);
  must(std::uint64_t{limits->max_transfer_blocks} * capacity.block_size <= 1 << 20);
  must(limits->optimal_transfer_blocks <= limits->max_transfer_blocks);
  if (limits->can_unmap)
    must(limits->max_unmap_blocks > 0 && limits->max_unmap_descriptors > 0 &&
         limits->unmap_alignment_blocks < limits->unmap_granularity_blocks);
}

template<class Decode, class Encode>
void mode(Bytes input, Decode decode, Encode encode) {
  auto parameters = decode(input);
  if (!parameters) return must(!parameters.error().detail.empty());
  parameters->truncated = false;
  const auto again = decode(encode(*parameters));
  must(again && *again == *parameters);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};

  if (const auto capacity = decode_read_capacity10(input)) must(capacity->capacity.block_size > 0);
  if (const auto capacity = decode_read_capacity16(input)) {
    const auto again = decode_read_capacity16(encode_read_capacity16(*capacity));
    must(again && *again == *capacity);
    use(*capacity, size > kReadCapacity16Bytes ? input.subspan(kReadCapacity16Bytes) : Bytes{});
  }

  if (const auto luns = decode_report_luns(input)) {
    must(luns->luns.size() <= size / 8);
    for (const auto& lun : luns->luns) must(lun_of(number_of(lun)) == lun);
    const auto again = decode_report_luns(encode_report_luns(luns->luns));
    must(again && again->luns == luns->luns && !again->truncated);
  }

  mode(input, decode_mode_sense6, encode_mode_sense6);
  mode(input, decode_mode_sense10, encode_mode_sense10);
  return 0;
}
