// SPDX-License-Identifier: Apache-2.0
// Fields of SCSI data. SCSI data may end anywhere, because the allocation length cuts it (SPC-4 4.2.5.6).
// Reader therefore returns zero, SCSI's "not reported", for a field that is not wholly there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/big_endian.hpp"
#include "srpi/error.hpp"

namespace srpi::scsi {

using Bytes = std::span<const std::uint8_t>;

// Big-endian load and store without a bounds check. Precondition: the caller knows that the field is there.
template<class T>
[[nodiscard]] constexpr T load(const std::uint8_t* at) noexcept {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((std::uint64_t{value} << 8) | at[i]);
  return value;
}
template<class T>
constexpr void store(std::uint8_t* at, T value) noexcept {
  for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(std::uint64_t{value} >> 8))
    at[i] = static_cast<std::uint8_t>(value);
}

class Reader {
 public:
  explicit constexpr Reader(Bytes bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] constexpr std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] constexpr bool has(std::size_t offset, std::size_t length_bytes) const noexcept {
    return offset <= bytes_.size() && bytes_.size() - offset >= length_bytes;
  }
  [[nodiscard]] constexpr std::uint8_t u8(std::size_t offset) const noexcept {
    return get<std::uint8_t>(offset);
  }
  [[nodiscard]] constexpr std::uint16_t u16(std::size_t offset) const noexcept {
    return get<std::uint16_t>(offset);
  }
  [[nodiscard]] constexpr std::uint32_t u32(std::size_t offset) const noexcept {
    return get<std::uint32_t>(offset);
  }
  [[nodiscard]] constexpr std::uint64_t u64(std::size_t offset) const noexcept {
    return get<std::uint64_t>(offset);
  }
  [[nodiscard]] constexpr bool bit(std::size_t offset, unsigned number) const noexcept {
    return (u8(offset) >> number & 1) != 0;
  }
  // The part of [offset, offset + length) that is there.
  [[nodiscard]] constexpr Bytes slice(std::size_t offset, std::size_t length_bytes) const noexcept {
    if (offset >= bytes_.size()) return {};
    const auto left = bytes_.size() - offset;
    return bytes_.subspan(offset, length_bytes < left ? length_bytes : left);
  }

 private:
  template<class T>
  [[nodiscard]] constexpr T get(std::size_t offset) const noexcept {
    return has(offset, sizeof(T)) ? load<T>(bytes_.data() + offset) : T{0};
  }
  Bytes bytes_;
};

[[nodiscard]] Error protocol_error(std::string detail);

// An ASCII field as text. Spaces and zero bytes at both ends are dropped. A backslash and every byte that is
// not printable ASCII become \xNN, so the text is safe to print and different fields give different texts.
[[nodiscard]] std::string text_of(Bytes field);
// Stores printable text in a field: left-aligned, padded with spaces, cut to the field's size (SPC-4 4.3.1).
void store_text(std::span<std::uint8_t> field, const std::string& text) noexcept;
// Two lower-case digits per byte, no separators.
[[nodiscard]] std::string hex(Bytes);

}  // namespace srpi::scsi
