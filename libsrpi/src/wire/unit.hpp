// SPDX-License-Identifier: Apache-2.0
// The first steps of every encoder and decoder: view the bytes as a wire structure, check length and opcode.
//
// Wire structures consist of single bytes and big-endian fields of alignment 1, so they can be laid over any
// buffer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <type_traits>

#include "base/big_endian.hpp"
#include "base/check.hpp"
#include "srpi/error.hpp"
#include "wire/opcode.hpp"

namespace srpi::wire {

// Precondition: the caller has checked the length.
template<class Layout>
[[nodiscard]] const Layout& overlay(std::span<const std::byte> bytes) noexcept {
  static_assert(alignof(Layout) == 1 && std::is_trivially_copyable_v<Layout>);
  return *reinterpret_cast<const Layout*>(bytes.data());
}

// A zeroed structure at the start of `out`. Precondition: it fits `out`.
template<class Layout>
[[nodiscard]] Layout& start(std::span<std::byte> out) noexcept {
  static_assert(alignof(Layout) == 1 && std::is_trivially_copyable_v<Layout>);
  SRPI_CHECK(out.size() >= sizeof(Layout));
  return *new (out.data()) Layout{};
}

[[nodiscard]] Error malformed(const char* unit, const std::string& what);

// "SRP_RSP: 12 bytes received, at least 36 needed"
[[nodiscard]] Error too_short(const char* unit, std::size_t got_bytes, std::size_t needed_bytes);

// The error if `unit` is shorter than `minimum_bytes` or does not start with `expected`; otherwise nullopt.
[[nodiscard]] std::optional<Error> check_unit(std::span<const std::byte> unit, Opcode expected,
                                              std::size_t minimum_bytes);

// For SRP_CMD and SRP_RSP, the two units of every I/O: these compile to one byte swap. g++ 12 at -O2 keeps
// the loop of base::BigEndian.
[[nodiscard]] inline base::be64 to_be(std::uint64_t value) noexcept {
  return std::bit_cast<base::be64>(std::endian::native == std::endian::little ? __builtin_bswap64(value)
                                                                              : value);
}
[[nodiscard]] inline base::be32 to_be(std::uint32_t value) noexcept {
  return std::bit_cast<base::be32>(std::endian::native == std::endian::little ? __builtin_bswap32(value)
                                                                              : value);
}
[[nodiscard]] inline std::uint64_t from_be(base::be64 field) noexcept {
  const auto value = std::bit_cast<std::uint64_t>(field);
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}
[[nodiscard]] inline std::uint32_t from_be(base::be32 field) noexcept {
  const auto value = std::bit_cast<std::uint32_t>(field);
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

}  // namespace srpi::wire
