// SPDX-License-Identifier: Apache-2.0
// What a unit keeps about a request while it has it. It lives in IoRequest::internal; the caller's fields
// stay as the caller has set them.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

#include "base/clock.hpp"
#include "srpi/io_request.hpp"

namespace srpi::lun {

// Which commands of a request are being sent, and what follows them.
enum class Phase : std::uint8_t {
  plain,         // the commands of the request's operation; nothing follows
  flush,         // SYNCHRONIZE CACHE for a flush (flush.cpp)
  forced,        // the commands of an operation with force unit access; a flush may follow (durable.cpp)
  forced_flush,  // that flush
};

struct RequestState {
  IoRequest* next = nullptr;  // in a RequestQueue
  std::uint64_t issued_blocks = 0;
  std::uint32_t segment = 0;         // the first segment that is not yet issued as a whole, and
  std::uint32_t segment_offset = 0;  // the bytes of it that are issued
  std::uint32_t outstanding = 1;     // commands under way, and one while more may be issued
  IoOperation operation{};           // of the next command: the caller's, but in the phase forced_flush
  Phase phase = Phase::plain;
  // The rest counts in other phases than `plain` only.
  bool aborted = false;         // an operator's abort has ended a command of it
  bool without_bit = false;     // forced: a command went without the FUA bit
  std::uint64_t cache_epoch;    // forced: when it was begun. flush: the lost writes that were known then
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
