// SPDX-License-Identifier: Apache-2.0
// Anonymous zeroed memory. Pages need no memory until they are written.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "srpi/error.hpp"

namespace srpi::target {

class Mapping {
 public:
  // Errors: no_memory; the text names the size.
  [[nodiscard]] static Result<Mapping> create(std::size_t bytes);
  Mapping() = default;
  ~Mapping();
  Mapping(Mapping&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }
  // Makes [offset, offset + length) read as zeroes. Untouched pages stay untouched.
  void clear(std::size_t offset, std::size_t length, bool release_pages) noexcept;

 private:
  explicit Mapping(std::span<std::byte> bytes) noexcept : bytes_(bytes) {}
  std::span<std::byte> bytes_;
};

}  // namespace srpi::target
