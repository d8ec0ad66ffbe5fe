// SPDX-License-Identifier: Apache-2.0
// The server's side of fixed newstyle negotiation, without a socket: bytes in, bytes out.
//
//   greeting -> the client's flags -> options -> transmission (GO, EXPORT_NAME) or the end (ABORT, error)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nbd/transmission.hpp"

namespace srp_nbd {

namespace nbd {

inline constexpr std::uint64_t kMagic = 0x4e42444d41474943;        // "NBDMAGIC", the server's first word
inline constexpr std::uint64_t kOptionMagic = 0x49484156454f5054;  // "IHAVEOPT", second, and of each option
// An answer to an option: this number, the option, the type and the data's length (32 bits each), the data.
inline constexpr std::uint64_t kReplyMagic = 0x0003e889045565a9;

// Flags of both sides.
inline constexpr std::uint16_t kFixedNewstyle = 1;  // unknown options are answered
inline constexpr std::uint16_t kNoZeroes = 2;       // EXPORT_NAME's answer comes without 124 zero bytes

enum class Option : std::uint32_t {
  export_name = 1,  // the old way to open an export; errors cannot be answered
  abort = 2,        // ends the negotiation
  list = 3,         // asks for the names of all exports
  starttls = 5,     // refused: a Unix socket has file permissions
  info = 6,         // asks for information about an export
  go = 7,           // asks for information and opens the export
};

enum class OptionReply : std::uint32_t {
  ack = 1,                         // the end of a successful answer
  server = 2,                      // one export of a list
  info = 3,                        // one piece of information
  error_unsupported = 0x80000001,  // option not known
  error_policy = 0x80000002,       // known, but not permitted
  error_invalid = 0x80000003,      // malformed
  error_unknown = 0x80000006,      // no such export
  error_shutdown = 0x80000007,     // the server is ending
  error_too_big = 0x80000009,      // the option's data is too long
};

enum class InfoType : std::uint16_t {
  export_ = 0,      // size and transmission flags
  name = 1,         // its canonical name
  description = 2,  // words for people
  block_size = 3,   // minimum, preferred and maximum, in bytes
};

struct OptionHeader {
  be64 magic;
  be32 option;
  be32 length;  // of the data that follow
};
static_assert(sizeof(OptionHeader) == 16);

}  // namespace nbd

class Negotiation {
 public:
  using Exports = std::function<std::vector<ExportInfo>()>;  // called for each option that needs it

  enum class Outcome : std::uint8_t {
    going_on,      // send the output, feed more
    transmission,  // send the output, then serve chosen(); bytes not consumed are the first of that phase
    ended,         // the client has ended it: send the output and close
    refused,       // the client violated the protocol, or EXPORT_NAME failed: close; problem() says why
  };

  // Limits for one client. An option with more data than the first limit is skipped and refused. With more
  // data than the second limit, the client is disconnected.
  static constexpr std::size_t kMaxOptionBytes = 8192;
  static constexpr std::size_t kMaxSkippedBytes = 1u << 20;
  static constexpr std::size_t kMaxNameBytes = 4096;
  static constexpr std::uint32_t kMaxOptions = 256;
  static constexpr std::size_t kMaxOutputBytes = 1u << 20;  // of output that the client does not read

  explicit Negotiation(Exports exports);

  // Returns the number of consumed bytes. They are fewer than given only if the outcome is not going_on any
  // more.
  std::size_t feed(std::span<const std::byte> bytes);

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  // From now on, every option but ABORT is answered with this error. EXPORT_NAME, which cannot be answered, is
  // refused.
  void turn_away(nbd::OptionReply error, std::string why) { turned_away_ = {error, std::move(why)}; }
  // Takes the bytes to send; the first ones are the greeting.
  [[nodiscard]] std::vector<std::byte> take_output() { return std::exchange(output_, {}); }
  // Its max_request_bytes is kMaxPayloadBytes if the client has not agreed to the export's sizes.
  [[nodiscard]] const std::optional<ExportInfo>& chosen() const noexcept { return chosen_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  [[nodiscard]] std::size_t step(std::span<const std::byte> in);
  void on_option(std::span<const std::byte> data);
  void on_list(std::span<const std::byte> data);
  void on_info(std::span<const std::byte> data);
  void on_export_name(std::span<const std::byte> data);
  [[nodiscard]] bool choose(std::string_view name);
  void refuse(std::string why);
  template<class... Parts>
  void reply(nbd::OptionReply, const Parts&...);

  Exports exports_;
  Outcome outcome_ = Outcome::going_on;
  std::vector<std::byte> input_;  // the beginning of a step
  std::vector<std::byte> output_;
  std::optional<std::uint32_t> client_flags_;
  std::uint32_t option_ = 0;
  std::uint32_t options_seen_ = 0;
  std::size_t skip_ = 0;  // bytes of an option that is too big
  struct TurnedAway {
    nbd::OptionReply error;
    std::string why;
  };
  std::optional<TurnedAway> turned_away_;
  std::optional<ExportInfo> chosen_;
  std::string problem_;
};

}  // namespace srp_nbd
