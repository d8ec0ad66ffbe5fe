// SPDX-License-Identifier: Apache-2.0
#include "target/mapping.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace srpi::target {

namespace {
constexpr std::size_t kPageBytes = 4096;
constexpr std::array<std::byte, kPageBytes> kZeroes{};
}  // namespace

Result<Mapping> Mapping::create(std::size_t bytes) {
  void* at =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED)
    return Error{Errc::no_memory,
                 fmt::format("mapping {} bytes for a RAM disk: {}", bytes, std::strerror(errno))};
  ::madvise(at, bytes, MADV_DONTDUMP);  // it holds data of disks
  return Mapping(std::span(static_cast<std::byte*>(at), bytes));
}

Mapping::~Mapping() {
  if (!bytes_.empty()) ::munmap(bytes_.data(), bytes_.size());
}

void Mapping::clear(std::size_t offset, std::size_t length, bool release_pages) noexcept {
  std::byte* at = bytes_.data() + offset;
  std::byte* const end = at + length;
  while (at != end) {
    const std::size_t into_page = static_cast<std::size_t>(at - bytes_.data()) % kPageBytes;
    std::size_t n = std::min<std::size_t>(static_cast<std::size_t>(end - at), kPageBytes - into_page);
    if (release_pages && n == kPageBytes) {
      n = static_cast<std::size_t>(end - at) / kPageBytes * kPageBytes;
      if (::madvise(at, n, MADV_DONTNEED) == 0) {
        at += n;
        continue;
      }
      n = kPageBytes;
    }
    // Reading an untouched page needs no memory, writing zeroes to it does.
    if (std::memcmp(at, kZeroes.data(), n) != 0) std::memset(at, 0, n);
    at += n;
  }
}

}  // namespace srpi::target
