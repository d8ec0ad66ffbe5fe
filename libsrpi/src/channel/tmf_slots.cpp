// SPDX-License-Identifier: Apache-2.0
#include "channel/tmf_slots.hpp"

#include <algorithm>
#include <utility>

namespace srpi::channel {
namespace {

// Commands do not use these slot indices, so the tags of functions and commands differ. The other bits of a
// tag are the same as in SlotTable's handles.
constexpr std::uint16_t kFirstIndex = 0xff00u;

}  // namespace

std::uint64_t TmfSlots::tag(std::uint32_t slot) const noexcept {
  return std::uint64_t{slots_[slot].generation} << 32 | std::uint32_t{channel_} << 16 | (kFirstIndex + slot);
}

std::optional<std::uint32_t> TmfSlots::free_slot() const noexcept {
  const auto found = std::ranges::find(slots_, State::free, &Slot::state);
  if (found == slots_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - slots_.begin());
}

std::uint32_t TmfSlots::count_aside() const noexcept {
  return static_cast<std::uint32_t>(std::ranges::count(slots_, State::aside, &Slot::state));
}

std::uint64_t TmfSlots::take(std::uint32_t slot, Tmf& tmf, Kind kind) noexcept {
  slots_[slot].state = kind == Kind::aside ? State::aside : State::in_turn;
  slots_[slot].tmf = &tmf;
  return tag(slot);
}

std::optional<TmfSlots::Answered> TmfSlots::take_answered(std::uint64_t answered) noexcept {
  const auto index = static_cast<std::uint32_t>(static_cast<std::uint16_t>(answered)) - kFirstIndex;
  if (index >= slots_.size() || answered != tag(index)) return std::nullopt;
  auto& slot = slots_[index];
  if (slot.state == State::free) return std::nullopt;
  ++slot.generation;
  const auto state = std::exchange(slot.state, State::free);
  return Answered{std::exchange(slot.tmf, nullptr), state == State::aside ? Kind::aside : Kind::in_turn};
}

void TmfSlots::forget(const Tmf& tmf) noexcept {
  for (auto& slot : slots_)
    if (slot.tmf == &tmf) slot.tmf = nullptr;
}

TmfList TmfSlots::end() noexcept {
  TmfList waited_for;
  for (auto& slot : slots_) {
    if (slot.state != State::free) ++slot.generation;
    if (slot.tmf && slot.state == State::aside) waited_for.push_back(*slot.tmf);
    slot.state = State::free;
    slot.tmf = nullptr;
  }
  return waited_for;
}

}  // namespace srpi::channel
