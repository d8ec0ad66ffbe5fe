// SPDX-License-Identifier: Apache-2.0
// Big-endian integer fields of alignment 1, for structures laid over wire bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace srpi::base {

template<class T>
class BigEndian {
  static_assert(std::is_unsigned_v<T>);

 public:
  constexpr BigEndian() = default;
  constexpr BigEndian(T value) { *this = value; }  // NOLINT: implicit on purpose, it stands for an integer
  constexpr BigEndian& operator=(T value) {
    for (std::size_t i = sizeof(T); i-- > 0; value = static_cast<T>(value >> (sizeof(T) > 1 ? 8 : 0)))
      bytes_[i] = static_cast<std::uint8_t>(value);
    return *this;
  }
  constexpr operator T() const {  // NOLINT: see above
    T value = 0;
    for (const auto byte : bytes_) value = static_cast<T>((value << (sizeof(T) > 1 ? 8 : 0)) | byte);
    return value;
  }

 private:
  std::uint8_t bytes_[sizeof(T)] = {};
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);
static_assert(sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace srpi::base
