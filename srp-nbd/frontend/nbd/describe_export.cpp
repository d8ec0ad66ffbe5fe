// SPDX-License-Identifier: Apache-2.0
#include "frontend/nbd/describe_export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

namespace srp_nbd {

ExportInfo describe_export(const srpi::LogicalUnitInfo& unit, const LaneOptions& lane) {
  ExportInfo e;
  e.name = fmt::format("lun{}", unit.lun);
  e.description = fmt::format("{} {} {}", unit.vendor, unit.product, unit.wwid);
  e.lun = unit.lun;
  e.size_bytes = unit.blocks * unit.block_size;
  e.block_size = unit.block_size;
  e.preferred_block_size = std::max({unit.block_size, unit.physical_block_size, 4096u});
  e.max_request_bytes = lane.max_request_bytes;
  e.transmission_flags = nbd::kHasFlags | nbd::kSendFlush | nbd::kSendFua | nbd::kCanMultiConn;
  if (unit.read_only) e.transmission_flags |= nbd::kReadOnly;
  if (unit.rotational) e.transmission_flags |= nbd::kRotational;
  if (unit.can_unmap) e.transmission_flags |= nbd::kSendTrim;
  if (unit.can_write_zeroes) e.transmission_flags |= nbd::kSendWriteZeroes;
  return e;
}

nbd::WireError to_wire_error(srpi::Errc code) noexcept {
  // NBD's numbers are Linux's.
  switch (const int error = srpi::to_errno(code)) {
    case 0:
    case ENOMEM:
    case EINVAL:
    case ENOSPC:
    case EOVERFLOW:
    case EOPNOTSUPP:
    case ESHUTDOWN: return static_cast<nbd::WireError>(error);
    case EPERM:
    case EACCES:
    case EROFS: return nbd::WireError::not_permitted;
    default: return nbd::WireError::io;
  }
}

}  // namespace srp_nbd
