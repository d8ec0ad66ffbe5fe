// SPDX-License-Identifier: Apache-2.0
// discontiguous_io DEVICE
//
// Direct I/O with buffers that consist of separate pieces of 512 bytes, so that one request needs a memory
// segment for each piece. Writes with one arrangement of the pieces and reads with another. The exit status
// is 0 if the bytes are equal.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr std::size_t kPiece = 512, kPieces = 200;

// The pieces start `stride` bytes apart.
std::vector<iovec> arrange(std::byte* memory, std::size_t stride) {
  std::vector<iovec> pieces;
  for (std::size_t i = 0; i < kPieces; ++i) pieces.push_back({memory + i * stride, kPiece});
  return pieces;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const int fd = ::open(argv[1], O_RDWR | O_DIRECT);
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(4096, kPieces * 8192));
  if (fd < 0 || !memory) return std::perror(argv[1]), 2;
  constexpr auto kBytes = static_cast<ssize_t>(kPiece * kPieces);
  for (const std::size_t stride : {1024, 1536, 4608, 8192}) {
    std::memset(memory, 0xee, kPieces * 8192);
    const auto out = arrange(memory, stride);
    for (std::size_t i = 0; i < kPieces; ++i)
      std::memset(out[i].iov_base, static_cast<int>(i + stride / kPiece), kPiece);
    if (::pwritev(fd, out.data(), static_cast<int>(kPieces), 3 * kPiece) != kBytes)
      return std::perror("pwritev"), 1;

    const auto in = arrange(memory + kPiece, 9216 - stride);
    std::memset(memory, 0, kPieces * 8192);
    if (::preadv(fd, in.data(), static_cast<int>(kPieces), 3 * kPiece) != kBytes)
      return std::perror("preadv"), 1;
    for (std::size_t i = 0; i < kPieces; ++i)
      for (std::size_t b = 0; b < kPiece; ++b)
        if (static_cast<std::byte*>(in[i].iov_base)[b] != static_cast<std::byte>(i + stride / kPiece))
          return std::fprintf(stderr, "stride %zu: piece %zu differs at byte %zu\n", stride, i, b), 1;
  }
  std::printf("%zu pieces per request, in 4 arrangements\n", kPieces);
}
