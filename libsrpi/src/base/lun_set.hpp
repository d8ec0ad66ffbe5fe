// SPDX-License-Identifier: Apache-2.0
// A set of logical units, identified by their 8 SAM bytes. It allocates nothing, because sets change while
// connections end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace srpi::base {

class LunSet {
 public:
  static constexpr std::size_t kMost = 256;  // logical units of a session

  void add(std::uint64_t lun) noexcept;
  void remove(std::uint64_t lun) noexcept;
  void clear() noexcept { count_ = 0; }
  [[nodiscard]] bool contains(std::uint64_t lun) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  // In the order in which they were added.
  [[nodiscard]] std::span<const std::uint64_t> luns() const noexcept { return {luns_.data(), count_}; }

 private:
  std::array<std::uint64_t, kMost> luns_;
  std::size_t count_ = 0;
};

}  // namespace srpi::base
