// SPDX-License-Identifier: Apache-2.0
// The task management functions that were sent to the target. Each has a slot and its own tag. A function
// that is not answered in time keeps its slot until its answer or the end of the queue pair.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "channel/limits.hpp"
#include "channel/tmf.hpp"

namespace srpi::channel {

class TmfSlots {
 public:
  enum class Kind : std::uint8_t { in_turn, aside };
  struct Answered {
    Tmf* tmf = nullptr;  // null: the function was withdrawn or timed out before
    Kind kind = Kind::in_turn;
  };

  explicit TmfSlots(std::uint16_t channel) noexcept : channel_(channel) {}

  [[nodiscard]] std::optional<std::uint32_t> free_slot() const noexcept;
  [[nodiscard]] std::uint32_t count_aside() const noexcept;
  // Returns the function's tag. No command of any channel has the same tag.
  std::uint64_t take(std::uint32_t slot, Tmf&, Kind) noexcept;
  // Frees the slot with this tag. Returns nullopt if there is none.
  [[nodiscard]] std::optional<Answered> take_answered(std::uint64_t tag) noexcept;
  void forget(const Tmf&) noexcept;  // ignores the function's answer
  // Called when the queue pair has ended. Frees all slots and returns the functions aside that have no
  // answer.
  [[nodiscard]] TmfList end() noexcept;

 private:
  enum class State : std::uint8_t { free, in_turn, aside };
  struct Slot {
    Tmf* tmf = nullptr;  // null in a taken slot: the function was withdrawn or timed out
    std::uint32_t generation = 0;
    State state = State::free;
  };
  [[nodiscard]] std::uint64_t tag(std::uint32_t slot) const noexcept;

  const std::uint16_t channel_;
  std::array<Slot, kTmfSlots> slots_;
};

}  // namespace srpi::channel
