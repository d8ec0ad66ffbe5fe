// SPDX-License-Identifier: Apache-2.0
// Sense data in fixed and descriptor format (SPC-4 4.5): the target's details about a command's outcome.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "scsi/additional_sense.hpp"
#include "scsi/bytes.hpp"

namespace srpi::scsi {

// SPC-4 4.5.6. The key has four bits, so the list is complete.
enum class SenseKey : std::uint8_t {
  no_sense = 0x0,
  recovered_error = 0x1,
  not_ready = 0x2,
  medium_error = 0x3,
  hardware_error = 0x4,
  illegal_request = 0x5,
  unit_attention = 0x6,
  data_protect = 0x7,
  blank_check = 0x8,
  vendor_specific = 0x9,
  copy_aborted = 0xa,
  aborted_command = 0xb,
  equal = 0xc,  // reserved since SPC-4
  volume_overflow = 0xd,
  miscompare = 0xe,
  completed = 0xf,
};
inline constexpr unsigned kSenseKeys = 16;

struct Sense {
  SenseKey key = SenseKey::no_sense;
  AdditionalSense additional;
  bool deferred = false;  // an earlier command failed after its GOOD; this command was not performed
  bool descriptor_format = false;
  bool filemark = false, end_of_medium = false, incorrect_length = false;
  std::optional<std::uint64_t> information;       // INFORMATION, if VALID is set; often the failing LBA
  std::optional<std::uint64_t> command_specific;  // COMMAND-SPECIFIC INFORMATION, if it is not zero
  std::optional<std::array<std::uint8_t, 3>> key_specific;  // SENSE KEY SPECIFIC with its SKSV bit

  // 0x70 … 0x73.
  [[nodiscard]] constexpr std::uint8_t response_code() const noexcept {
    return static_cast<std::uint8_t>(0x70 | (descriptor_format ? 2 : 0) | (deferred ? 1 : 0));
  }
  friend bool operator==(const Sense&, const Sense&) = default;
};

// Accepts truncated sense data if the sense key is there, and a malformed descriptor only ends the list: the
// rest still explains the failure. protocol_error: no sense key, or a response code other than 0x70-0x73.
[[nodiscard]] Result<Sense> decode_sense(Bytes);

// SPC-4 limits sense data to 252 bytes. We write at most 18 (fixed) or 8+12+12+8+4 bytes (descriptors).
struct EncodedSense {
  std::array<std::uint8_t, 44> bytes{};
  std::uint8_t size = 0;
  [[nodiscard]] Bytes span() const noexcept { return {bytes.data(), size}; }
};
// Fixed format has four bytes each for `information` and `command_specific`. Greater values are left out, as
// SPC-4 4.5.3 demands.
[[nodiscard]] EncodedSense encode(const Sense&) noexcept;

// For the target: a current error in fixed format.
[[nodiscard]] constexpr Sense make_sense(SenseKey key, AdditionalSense additional) noexcept {
  Sense sense;
  sense.key = key;
  sense.additional = additional;
  return sense;
}

[[nodiscard]] const char* to_string(SenseKey) noexcept;
// "illegal request: logical block address out of range (21/00), information 0x1000"
[[nodiscard]] std::string to_string(const Sense&);

}  // namespace srpi::scsi
