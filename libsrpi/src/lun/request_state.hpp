// SPDX-License-Identifier: Apache-2.0
// A unit's state for a request. It is stored in IoRequest::internal; the caller's fields stay unchanged.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

#include "base/clock.hpp"
#include "srpi/io_request.hpp"

namespace srpi::lun {

// Which commands of a request are being sent.
enum class Phase : std::uint8_t {
  plain,         // the commands of the request's operation; nothing follows
  flush,         // SYNCHRONIZE CACHE for a flush (flush.cpp)
  forced,        // the commands of an operation with force unit access; a flush may follow (durable.cpp)
  forced_flush,  // that SYNCHRONIZE CACHE
};

struct RequestState {
  IoRequest* next = nullptr;  // in a RequestQueue
  std::uint64_t issued_blocks = 0;
  std::uint32_t segment = 0;         // the first segment that is not completely issued
  std::uint32_t segment_offset = 0;  // the issued bytes of that segment
  std::uint32_t outstanding = 1;     // commands in progress, plus 1 while more may be issued
  IoOperation operation{};           // of the next command; the caller's, except in the phase forced_flush
  Phase phase = Phase::plain;
  // The other members are not used in the phase `plain`.
  bool aborted = false;      // an operator's abort has ended a command of it
  bool without_bit = false;  // forced: a command went without the FUA bit
  std::uint64_t
      cache_epoch;  // forced: the epoch at its begin. flush: the number of lost writes known at its begin
  base::Time begin_anew_until;  // forced
};
static_assert(sizeof(RequestState) <= sizeof(IoRequest::internal));
static_assert(alignof(RequestState) <= alignof(IoRequest));
static_assert(std::is_trivially_destructible_v<RequestState>);

inline RequestState& make_state(IoRequest& r) noexcept { return *::new (r.internal) RequestState; }
[[nodiscard]] inline RequestState& state_of(IoRequest& r) noexcept {
  return *std::launder(reinterpret_cast<RequestState*>(r.internal));
}

}  // namespace srpi::lun
