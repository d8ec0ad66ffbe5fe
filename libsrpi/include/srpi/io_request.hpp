// SPDX-License-Identifier: Apache-2.0
// One block request: the caller's object, lent to a LogicalUnit from submit until its completion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "srpi/error.hpp"
#include "srpi/memory.hpp"

namespace srpi {

enum class IoOperation : std::uint8_t {
  read,
  write,
  flush,  // everything acknowledged before it is on stable storage when it completes; no range. If the unit has
  // told, by a deferred error, that it has lost a write which it had acknowledged, those under way fail
  // with medium_error, or else the next one does, once: as fsync does it
  unmap,  // the range's content is no longer needed; what it reads as afterwards is the target's affair
  write_zeroes,  // the range reads as zeroes afterwards
};
[[nodiscard]] const char* to_string(IoOperation) noexcept;

// A piece of a request's buffer, inside `memory`, which belongs to the same session. The address may have any
// alignment; `bytes` is a multiple of the unit's block size and not 0: targets (Linux's among them) garble a write
// whose memory descriptors end within a block.
struct Segment {
  std::byte* address = nullptr;
  std::uint32_t bytes = 0;
  const Memory* memory = nullptr;
};

// Ownership: from submit() until `on_complete` is entered, the object, its segment array and the bytes it names
// belong to the session (the target may read or write the bytes by RDMA). on_complete is called exactly once per
// submit, from Session::poll, disconnect or erase, never from within submit; the object is the caller's again when it
// is called, and may be submitted anew or destroyed right there. When it runs, the target can no longer reach the bytes.
struct IoRequest {
  IoOperation operation = IoOperation::read;
  // write, unmap, write_zeroes: on stable storage before it completes. Where the unit has a volatile write
  // cache and no FUA for the operation (LogicalUnitInfo), it is followed by SYNCHRONIZE CACHE of its range,
  // and it fails if either does. What happens to the connection or the unit between the two may have emptied
  // the cache, or changed what the unit can do; or the unit tells that it has lost a write: then both are done
  // again, so that success means the same everywhere.
  bool force_unit_access = false;
  std::uint64_t first_block = 0;  // logical blocks
  std::uint64_t blocks = 0;       // logical blocks; 0 for flush
  std::span<const Segment> data;  // read, write: blocks * block_size bytes in all

  void (*on_complete)(IoRequest&) noexcept = nullptr;
  void* context = nullptr;  // the caller's

  Errc status = Errc::ok;  // the result; anything but ok says nothing about which blocks were written

  // The session's own while it has the request.
  alignas(8) std::byte internal[48]{};
};

}  // namespace srpi
