// SPDX-License-Identifier: Apache-2.0
// CDBs and UNMAP parameter data from an initiator, decoded by the built-in target.
#include <algorithm>
#include <cstdlib>

#include "scsi/cdb.hpp"
#include "scsi/decode_cdb.hpp"
#include "scsi/unmap.hpp"

using namespace srpi::scsi;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

// A CDB built from the decoded values must decode to the same values.
void rebuild(const DecodedCdb& d) {
  const auto is = [&](const Cdb& cdb) {
    const auto again = decode_cdb(cdb.span());
    must(again && again->operation == d.operation && again->lba == d.lba && again->blocks == d.blocks &&
         again->fua == d.fua && again->unmap == d.unmap && again->no_data_out == d.no_data_out);
  };
  if (d.operation == Operation::read) is(read_blocks(d.lba, d.blocks, d.fua));
  if (d.operation == Operation::write) is(write_blocks(d.lba, d.blocks, d.fua));
  if (d.operation == Operation::synchronize_cache) is(synchronize_cache16(d.lba, d.blocks));
  if (d.operation == Operation::write_same)
    is(write_same16(d.lba, d.blocks, {.unmap = d.unmap, .no_data_out = d.no_data_out}));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};

  if (const auto decoded = decode_cdb(input)) {
    must(*to_string(decoded->operation) != 0 && *to_string(direction_of(*decoded)) != 0);
    rebuild(*decoded);
  } else {
    must(!decoded.error().detail.empty());
    must(refusal_of(decoded.error()).key == SenseKey::illegal_request);
  }
  Cdb cdb;
  cdb.length = static_cast<std::uint8_t>(std::min(size, cdb.bytes.size()));
  std::copy_n(data, cdb.length, cdb.bytes.begin());
  must(!to_string(cdb).empty());

  if (const auto ranges = decode_unmap_list(input)) {
    must(ranges->size() * kUnmapDescriptorBytes <= size);
    std::vector<std::uint8_t> list(unmap_list_bytes(ranges->size()));
    const auto written = encode_unmap_list(*ranges, list);
    must(written && *written == list.size());
    const auto again = decode_unmap_list(list);
    must(again && *again == *ranges);
  }
  return 0;
}
