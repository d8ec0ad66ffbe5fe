// SPDX-License-Identifier: Apache-2.0
// NBD's wire format: fixed newstyle negotiation, requests and simple replies. All integers are big-endian,
// and all structures have alignment 1, so they can be copied from and to any position of a stream.
#pragma once

#include <cstddef>
#include <cstdint>

namespace srp_nbd::nbd {

template<class T>
class BigEndian {
 public:
  constexpr BigEndian() = default;
  constexpr BigEndian(T value) {  // NOLINT: implicit on purpose, it stands for an integer
    for (std::size_t i = sizeof(T); i-- > 0;) {
      bytes_[i] = static_cast<std::uint8_t>(value);
      if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
    }
  }
  constexpr operator T() const {  // NOLINT: see above
    std::uint64_t value = 0;
    for (const auto byte : bytes_) value = value << 8 | byte;
    return static_cast<T>(value);
  }

 private:
  std::uint8_t bytes_[sizeof(T)] = {};
};
using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

// Negotiation.
inline constexpr std::uint64_t kMagic = 0x4e42444d41474943;  // "NBDMAGIC", the server's first word
inline constexpr std::uint64_t kOptionMagic =
    0x49484156454f5054;  // "IHAVEOPT", the server's second word, and before each option
inline constexpr std::uint64_t kReplyMagic = 0x0003e889045565a9;  // before each answer to an option

inline constexpr std::uint16_t kFixedNewstyle = 1;  // both sides: unknown options are answered
inline constexpr std::uint16_t kNoZeroes =
    2;  // both sides: EXPORT_NAME's answer comes without 124 zero bytes

enum class Option : std::uint32_t {
  export_name = 1,       // the old way to open an export; errors cannot be answered
  abort = 2,             // ends the negotiation
  list = 3,              // asks for the names of all exports
  starttls = 5,          // refused: a Unix socket has file permissions
  info = 6,              // asks for information about an export
  go = 7,                // asks for information and opens the export
  structured_reply = 8,  // refused: the kernel's client supports only simple replies
};

enum class OptionReply : std::uint32_t {
  ack = 1,                         // the end of a successful answer
  server = 2,                      // one export of a list
  info = 3,                        // one piece of information
  error_unsupported = 0x80000001,  // option not known
  error_policy = 0x80000002,       // known, but not permitted
  error_invalid = 0x80000003,      // malformed
  error_unknown = 0x80000006,      // no such export
  error_too_big = 0x80000009,      // the option's data is too long
};

enum class InfoType : std::uint16_t {
  export_ = 0,      // size and transmission flags
  name = 1,         // its canonical name
  description = 2,  // words for people
  block_size = 3,   // minimum, preferred and maximum
};

struct Greeting {
  be64 magic, option_magic;
  be16 flags;
};
static_assert(sizeof(Greeting) == 18);

struct OptionHeader {
  be64 magic;
  be32 option;
  be32 length;  // of the data that follow
};
static_assert(sizeof(OptionHeader) == 16);

struct OptionReplyHeader {
  be64 magic;
  be32 option;  // the option that is answered
  be32 type;
  be32 length;
};
static_assert(sizeof(OptionReplyHeader) == 20);

struct InfoExport {
  be16 type;
  be64 size_bytes;
  be16 transmission_flags;
};
static_assert(sizeof(InfoExport) == 12);

struct InfoBlockSize {
  be16 type;
  be32 minimum, preferred, maximum;  // bytes
};
static_assert(sizeof(InfoBlockSize) == 14);

struct ExportNameReply {
  be64 size_bytes;
  be16 transmission_flags;
};
static_assert(sizeof(ExportNameReply) == 10);

// Transmission flags: the abilities of an export.
inline constexpr std::uint16_t kHasFlags = 1 << 0;
inline constexpr std::uint16_t kReadOnly = 1 << 1;
inline constexpr std::uint16_t kSendFlush = 1 << 2;
inline constexpr std::uint16_t kSendFua = 1 << 3;
inline constexpr std::uint16_t kRotational = 1 << 4;
inline constexpr std::uint16_t kSendTrim = 1 << 5;
inline constexpr std::uint16_t kSendWriteZeroes = 1 << 6;
inline constexpr std::uint16_t kCanMultiConn =
    1 << 8;  // a flush covers the acknowledged writes of all connections

// Transmission.
inline constexpr std::uint32_t kRequestMagic = 0x25609513;
inline constexpr std::uint32_t kSimpleReplyMagic = 0x67446698;

enum class Command : std::uint16_t {
  read = 0,
  write = 1,
  disconnect = 2,
  flush = 3,
  trim = 4,
  write_zeroes = 6
};

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
  be32 magic, error;
  be64 cookie;
};
static_assert(sizeof(SimpleReply) == 16);

// NBD's errors, with their numbers on the wire (Linux's errno).
enum class WireError : std::uint32_t {
  ok = 0,
  not_permitted = 1,    // EPERM
  io = 5,               // EIO
  no_memory = 12,       // ENOMEM
  invalid = 22,         // EINVAL
  no_space = 28,        // ENOSPC
  overflow = 75,        // EOVERFLOW
  not_supported = 95,   // ENOTSUP
  shutting_down = 108,  // ESHUTDOWN
};

// A longer payload means a faulty client, or that we have lost the boundary of requests.
inline constexpr std::uint32_t kMaxPayloadBytes = 32u << 20;

}  // namespace srp_nbd::nbd
