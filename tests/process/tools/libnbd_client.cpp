// SPDX-License-Identifier: Apache-2.0
// Drives an export by libnbd, as its many users do.
//
//   libnbd_client URI     the export has 80 MiB and may be overwritten
//
// Exits with 1 and says why if anything is not as expected.
#include <libnbd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kMiB = 1 << 20, kSize = 80 * kMiB;

void expect(bool holds, const std::string& what) {
  if (holds) return;
  const char* const error = nbd_get_error();
  std::fprintf(stderr, "libnbd_client: %s%s%s\n", what.c_str(), error != nullptr ? ": " : "",
               error != nullptr ? error : "");
  std::exit(1);
}

struct Close {
  void operator()(nbd_handle* h) const { nbd_close(h); }
};
using Handle = std::unique_ptr<nbd_handle, Close>;

enum class Sizes { asked, not_asked };

Handle open(const char* uri, Sizes sizes) {
  Handle h(nbd_create());
  expect(h != nullptr, "nbd_create");
  expect(nbd_set_strict_mode(h.get(), 0) == 0, "nbd_set_strict_mode");
  expect(nbd_set_request_block_size(h.get(), sizes == Sizes::asked) == 0, "nbd_set_request_block_size");
  expect(nbd_add_meta_context(h.get(), LIBNBD_CONTEXT_BASE_ALLOCATION) == 0, "nbd_add_meta_context");
  expect(nbd_connect_uri(h.get(), uri) == 0, "nbd_connect_uri");
  return h;
}

void look_at_abilities(nbd_handle* h) {
  expect(nbd_get_size(h) == kSize, "another size");
  const auto is = [](const char* what, int value, int wanted) {
    expect(value == wanted, std::string(what) + " is " + std::to_string(value));
  };
  is("can_flush", nbd_can_flush(h), 1);
  is("can_fua", nbd_can_fua(h), 1);
  is("can_trim", nbd_can_trim(h), 1);
  is("can_zero", nbd_can_zero(h), 1);
  is("can_multi_conn", nbd_can_multi_conn(h), 1);
  is("is_read_only", nbd_is_read_only(h), 0);
  is("can_cache", nbd_can_cache(h), 0);
  is("can_df", nbd_can_df(h), 0);
  is("can_fast_zero", nbd_can_fast_zero(h), 0);
  is("can_meta_context", nbd_can_meta_context(h, LIBNBD_CONTEXT_BASE_ALLOCATION), 0);
  is("structured replies", nbd_get_structured_replies_negotiated(h), 0);
  is("TLS", nbd_get_tls_negotiated(h), 0);
  is("minimum block size", static_cast<int>(nbd_get_block_size(h, LIBNBD_SIZE_MINIMUM)), 512);
  is("preferred block size", static_cast<int>(nbd_get_block_size(h, LIBNBD_SIZE_PREFERRED)), 4096);
  is("maximum request", static_cast<int>(nbd_get_block_size(h, LIBNBD_SIZE_MAXIMUM)), 8 * kMiB);
}

std::vector<char> random_bytes(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<char> data(bytes);
  for (std::size_t i = 0; i + 4 <= bytes; i += 4) {
    const std::uint32_t word = random();
    std::memcpy(&data[i], &word, 4);
  }
  return data;
}

// Writes, then reads, all of `disk` by requests of `bytes` with 32 in flight.
void move_all(nbd_handle* h, std::vector<char>& disk, bool is_write, std::size_t bytes) {
  std::size_t done = 0, started = 0, completed = 0;
  const auto complete = [](void* count, int* error) {
    ++*static_cast<std::size_t*>(count);
    expect(*error == 0, "an asynchronous request fails with " + std::to_string(*error));
    return 1;  // retire it
  };
  while (done < disk.size() || completed < started) {
    while (done < disk.size() && started - completed < 32) {
      const auto part = std::min(bytes, disk.size() - done);
      const nbd_completion_callback callback{complete, &completed, nullptr};
      const auto cookie = is_write ? nbd_aio_pwrite(h, &disk[done], part, done, callback, 0)
                                   : nbd_aio_pread(h, &disk[done], part, done, callback, 0);
      expect(cookie > 0, "an asynchronous request is not started");
      done += part;
      ++started;
    }
    expect(nbd_poll(h, 30000) == 1, "no answer for 30 s");
  }
}

void expect_error(int result, int error, const char* what) {
  expect(result == -1, std::string(what) + " succeeds");
  expect(nbd_get_errno() == error, std::string(what) + " fails in another way");
}

void transfer(nbd_handle* h, nbd_handle* other) {
  auto disk = random_bytes(kSize, 1);
  std::vector<char> back(kSize);
  move_all(h, disk, true, 61440);
  expect(nbd_flush(h, 0) == 0, "flush");
  move_all(other, back, false, 262144);
  expect(back == disk, "another connection reads other data than was written");

  expect(nbd_pwrite(h, back.data(), 8 * kMiB, 4096, LIBNBD_CMD_FLAG_FUA) == 0, "pwrite with FUA");
  std::memcpy(&disk[4096], back.data(), 8 * kMiB);
  expect(nbd_zero(h, 20 * kMiB, 20 * kMiB, LIBNBD_CMD_FLAG_NO_HOLE) == 0, "zero without a hole");
  expect(nbd_zero(h, 3 * 512, 50 * kMiB + 512, 0) == 0, "zero");
  std::memset(&disk[20 * kMiB], 0, 20 * kMiB);
  std::memset(&disk[50 * kMiB + 512], 0, 3 * 512);
  expect(nbd_trim(h, 40 * kMiB, 10 * kMiB, LIBNBD_CMD_FLAG_FUA) == 0, "trim");
  expect(nbd_zero(h, 40 * kMiB, 10 * kMiB, 0) == 0, "zero after trim");  // what is trimmed has any content
  std::memset(&disk[10 * kMiB], 0, 40 * kMiB);
  move_all(h, back, false, 8 * kMiB);
  expect(back == disk, "zeroes or data are not where they were written");

  expect_error(nbd_pread(h, back.data(), 100, 0, 0), EINVAL, "a misaligned read");
  expect_error(nbd_pread(h, back.data(), 512, kSize, 0), EINVAL, "a read beyond the end");
  expect_error(nbd_pwrite(h, back.data(), 1024, kSize - 512, 0), ENOSPC, "a write beyond the end");
  expect_error(nbd_cache(h, 4096, 0, 0), EINVAL, "cache");
  expect(nbd_pread(h, back.data(), 512, 0, 0) == 0, "a read after errors");
}

void transfer_without_sizes(nbd_handle* h) {
  for (const std::int64_t bytes : {9 * kMiB, 32 * kMiB, 64 * kMiB}) {
    auto data = random_bytes(static_cast<std::size_t>(bytes), static_cast<unsigned>(bytes));
    const auto size = " of " + std::to_string(bytes) + " bytes";
    expect(nbd_pwrite(h, data.data(), data.size(), 512, 0) == 0, "pwrite" + size);
    std::vector<char> back(data.size());
    expect(nbd_pread(h, back.data(), back.size(), 512, 0) == 0, "pread" + size);
    expect(back == data, "other data than written" + size);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: libnbd_client URI\n", stderr), 2;
  const auto first = open(argv[1], Sizes::asked), second = open(argv[1], Sizes::asked);
  look_at_abilities(first.get());
  transfer(first.get(), second.get());
  expect(nbd_shutdown(second.get(), 0) == 0, "shutdown");
  transfer_without_sizes(open(argv[1], Sizes::not_asked).get());
  expect(nbd_shutdown(first.get(), 0) == 0, "shutdown");
}
