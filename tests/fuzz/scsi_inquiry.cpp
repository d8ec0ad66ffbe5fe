// SPDX-License-Identifier: Apache-2.0
// INQUIRY data and VPD pages from a target. Decoded data that is encoded and decoded again must be the same.
// The input limits the length of lists.
#include <cstdlib>
#include <utility>

#include "scsi/designator.hpp"
#include "scsi/inquiry.hpp"
#include "scsi/vpd.hpp"

using namespace srpi::scsi;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

template<class Decode>
void round_trip(Bytes input, Decode decode) {
  const auto first = decode(input);
  if (!first) return must(!first.error().detail.empty());
  const auto again = decode(encode(*first));
  must(again && *again == *first);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};

  if (const auto inquiry = decode_standard_inquiry(input)) {
    // A byte of the field has at most four characters, because of escapes.
    must(inquiry->vendor.size() <= 4 * 8 && inquiry->product.size() <= 4 * 16 &&
         inquiry->revision.size() <= 4 * 4);
    must(*to_string(inquiry->qualifier) != 0 && *to_string(inquiry->type) != 0);
    must(encode(*inquiry).size() == kStandardInquiryBytes);
  }

  if (const auto pages = decode_supported_pages(input)) {
    must(pages->pages.size() <= size);
    const auto again = decode_supported_pages(encode(*pages));
    must(again && again->pages == pages->pages && !again->truncated);
  }
  if (const auto serial = decode_unit_serial(input)) must(serial->size() <= 4 * size);

  if (const auto page = decode_device_identification(input)) {
    must(page->designators.size() <= size / 4);
    const auto again = decode_device_identification(encode(*page));
    must(again && again->designators == page->designators && !again->truncated);
    must(select_wwid(*again) == select_wwid(*page));
    for (const auto& designator : page->designators) must(wwid_of(designator).size() <= 4 * size + 16);
  }

  round_trip(input, decode_block_limits);
  round_trip(input, decode_block_device_characteristics);
  round_trip(input, decode_logical_block_provisioning);
  return 0;
}
