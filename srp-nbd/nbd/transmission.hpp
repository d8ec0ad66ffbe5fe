// SPDX-License-Identifier: Apache-2.0
// NBD's transmission phase: requests, simple replies, and the parser of a client's stream. All integers on
// the wire are big-endian, and all wire structures have alignment 1, so they can be copied from and to any
// position of a stream.
#pragma once

#include <boost/endian/arithmetic.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace srp_nbd {

namespace nbd {

using be16 = boost::endian::big_uint16_t;
using be32 = boost::endian::big_uint32_t;
using be64 = boost::endian::big_uint64_t;

// Transmission flags: the abilities of an export.
inline constexpr std::uint16_t kHasFlags = 1 << 0;
inline constexpr std::uint16_t kReadOnly = 1 << 1;
inline constexpr std::uint16_t kSendFlush = 1 << 2;
inline constexpr std::uint16_t kSendFua = 1 << 3;
inline constexpr std::uint16_t kRotational = 1 << 4;
inline constexpr std::uint16_t kSendTrim = 1 << 5;
inline constexpr std::uint16_t kSendWriteZeroes = 1 << 6;
// A flush covers the acknowledged writes of all connections.
inline constexpr std::uint16_t kCanMultiConn = 1 << 8;

inline constexpr std::uint32_t kRequestMagic = 0x25609513;
inline constexpr std::uint32_t kSimpleReplyMagic = 0x67446698;
// The longest read or write of a client that has not asked for block sizes. The protocol wants 32 MiB at least;
// nbdkit and libnbd permit this. A longer payload means a faulty client, or that we have lost the boundary of
// requests.
inline constexpr std::uint32_t kMaxPayloadBytes = 64u << 20;

enum class Command : std::uint16_t { read, write, disconnect, flush, trim, write_zeroes = 6 };

// Flags of a request.
inline constexpr std::uint16_t kCommandFua = 1 << 0;     // on stable storage before the answer
inline constexpr std::uint16_t kCommandNoHole = 1 << 1;  // write_zeroes: keep the space allocated

struct RequestHeader {
  be32 magic;
  be16 flags, type;
  be64 cookie;  // chosen by the client, returned unchanged
  be64 offset;  // bytes
  be32 length;  // bytes
};
static_assert(sizeof(RequestHeader) == 28 && offsetof(RequestHeader, cookie) == 8);

struct SimpleReply {
  be32 magic;
  be32 error;  // Linux's number: 0, EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP or ESHUTDOWN
  be64 cookie;
};
static_assert(sizeof(SimpleReply) == 16);

}  // namespace nbd

// A logical unit in NBD's terms, for the kernel or for a client at a socket.
struct ExportInfo {
  std::string name;         // "lun0"
  std::string description;  // for people: vendor, product, wwid
  std::uint64_t lun = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t block_size = 512;              // bytes; requests must be multiples
  std::uint32_t preferred_block_size = 4096;   // bytes
  std::uint32_t max_request_bytes = 8u << 20;  // of one read or write
  std::uint16_t transmission_flags = 0;
};

struct NbdRequest {
  nbd::Command command{};  // may be an unknown number
  std::uint16_t flags = 0;
  std::uint64_t cookie = 0;
  std::uint64_t offset = 0;  // bytes
  std::uint32_t length = 0;  // bytes
};

// Stores only how much payload is still to come.
class RequestStream {
 public:
  enum class What : std::uint8_t {
    need_more,  // nothing consumed: pass these bytes again with more (a header has 28)
    request,    // `request` is set; a write's payload follows
    payload,    // the next `consumed` bytes belong to the last write
    broken,     // not NBD, or a payload longer than kMaxPayloadBytes: the stream cannot continue
  };
  struct Item {
    What what = What::need_more;
    std::size_t consumed = 0;
    NbdRequest request;
    const char* problem = nullptr;  // broken: the reason
  };

  // The item at the start of `bytes`. They must continue after the bytes that the last call consumed.
  // Precondition: no earlier item was broken.
  [[nodiscard]] Item next(std::span<const std::byte> bytes) noexcept;

  // The missing bytes of the present write's payload. 0 means a boundary between requests.
  [[nodiscard]] std::uint32_t payload_left() const noexcept { return payload_left_; }

 private:
  std::uint32_t payload_left_ = 0;
};

// The error number for the client, or 0 if the request can be executed. Misaligned, empty, oversized or
// unknown: EINVAL. Beyond the end: ENOSPC for writes, EINVAL for reads and trims. A write to a read-only unit: EPERM.
// Precondition: not a disconnect, which has no answer.
[[nodiscard]] int check_request(const NbdRequest&, const ExportInfo&) noexcept;

}  // namespace srp_nbd
