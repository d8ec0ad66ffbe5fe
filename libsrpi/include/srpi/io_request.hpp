// SPDX-License-Identifier: Apache-2.0
// One block request: the caller's object, lent to a LogicalUnit from submit until its completion.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "srpi/error.hpp"
#include "srpi/export.hpp"
#include "srpi/memory.hpp"

namespace srpi {

enum class IoOperation : std::uint8_t {
  read,
  write,
  // Puts every write that was acknowledged before it on stable storage; it has no range. A unit may report
  // that it has lost a write which it had acknowledged. Then each flush that is under way fails with
  // medium_error; if none is, the next one fails, once, as fsync does.
  flush,
  unmap,  // the range's content is not needed any more; what it reads as afterwards is up to the target
  write_zeroes,  // the range reads as zeroes afterwards
};
[[nodiscard]] SRPI_EXPORT const char* to_string(IoOperation) noexcept;

// A part of a request's buffer. It lies inside `memory`, which belongs to the unit's session. The address may
// have any alignment. The length is a multiple of the unit's block size and not 0: some targets (Linux' among
// them) garble a write whose memory descriptors end within a block.
struct Segment {
  std::byte* address = nullptr;
  std::uint32_t bytes = 0;
  const Memory* memory = nullptr;
};

// Ownership. From a submit that returns ok until on_complete is entered, the object, its segment array and the
// bytes that the segments name belong to the session; the target may read or write the bytes at any time.
// From on_complete on, they are the caller's, and the target cannot reach the bytes any more. The object may
// be submitted again or destroyed within on_complete. session.hpp (Callbacks) says what else it may do.
// Completion. on_complete is called exactly once for each submit that returns ok, from within Session::poll,
// disconnect or erase, or from its destructor, never from within submit.
//
// The session changes `status` and `internal`, no other field. A copy of a request that is under way is not
// under way.
struct IoRequest {
  IoOperation operation = IoOperation::read;
  // write, unmap, write_zeroes: the data are on stable storage when the request completes. Where the unit has
  // a volatile write cache and no FUA bit for the operation (LogicalUnitInfo::can_force_unit_access), a
  // SYNCHRONIZE CACHE of the range follows; the request fails if either command does. Both commands are sent
  // again where the cache may have lost its content in between: after a new login, after a report that the
  // unit has changed, and after a report of a lost write.
  bool force_unit_access = false;
  std::uint64_t first_block = 0;  // logical blocks; flush: this and `blocks` are 0
  std::uint64_t blocks = 0;       // logical blocks
  std::span<const Segment> data;  // read, write: blocks * block_size bytes in all; otherwise empty

  void (*on_complete)(IoRequest&) noexcept = nullptr;  // not null
  void* context = nullptr;                             // the caller's

  // The result (LogicalUnit::submit lists the errors). Any other than ok says nothing about which blocks were
  // written.
  Errc status = Errc::ok;

  alignas(8) std::byte internal[56]{};  // the session's own while it has the request
};

}  // namespace srpi
