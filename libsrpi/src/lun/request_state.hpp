// SPDX-License-Identifier: Apache-2.0
// A unit's state for a request. It is stored in `internal` of the request; the caller's fields stay unchanged.
#pragma once

#include <cstdint>
#include <new>
#include <type_traits>

#include "base/clock.hpp"
#include "srpi/io_request.hpp"
#include "srpi/task_request.hpp"

namespace srpi::lun {

// Which commands of a request are being sent.
enum class Phase : std::uint8_t {
  plain,         // the commands of the request's operation; nothing follows
  flush,         // SYNCHRONIZE CACHE for a flush (flush.cpp)
  forced,        // the commands of an operation with force unit access; a flush may follow (durable.cpp)
  forced_flush,  // that SYNCHRONIZE CACHE
  // WRITE SAME was refused: the request begins again, with WRITE (refused.cpp).
  zeroes_again,
  forced_zeroes_again,
};

struct RequestState {
  IoRequest* next;                   // in a RequestQueue
  const IoRequest* taken = nullptr;  // the request itself while the unit has it; so a copy of it is not taken
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

// The next commands are those of `operation`, from the request's first block on.
inline void begin_again(RequestState& state, Phase phase, IoOperation operation) noexcept {
  state.phase = phase;
  state.operation = operation;
  state.issued_blocks = 0;
  state.segment = state.segment_offset = 0;
  state.outstanding = 1;
}

struct TaskState {
  TaskRequest* next;                   // in a RequestQueue
  const TaskRequest* taken = nullptr;  // as RequestState::taken
};

[[nodiscard]] inline RequestState& state_of(IoRequest& r) noexcept {
  return *std::launder(reinterpret_cast<RequestState*>(r.internal));
}
[[nodiscard]] inline TaskState& state_of(TaskRequest& r) noexcept {
  return *std::launder(reinterpret_cast<TaskState*>(r.internal));
}

// Makes the state of a request that is not taken yet. Returns why that is impossible, or ok.
template<class Request>
[[nodiscard]] Errc take(Request& r) noexcept {
  using State = std::remove_reference_t<decltype(state_of(r))>;
  static_assert(sizeof(State) <= sizeof(r.internal) && alignof(State) <= alignof(Request));
  static_assert(std::is_trivially_destructible_v<State>);
  if (state_of(r).taken == &r) return Errc::in_progress;
  if (!r.on_complete) return Errc::invalid_argument;
  (::new (r.internal) State)->taken = &r;
  return Errc::ok;
}
// Gives the request back to the caller.
template<class Request>
void complete(Request& r) noexcept {
  state_of(r).taken = nullptr;
  r.on_complete(r);
}

}  // namespace srpi::lun
