// SPDX-License-Identifier: Apache-2.0
#include "scsi/sense.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srpi::scsi {
namespace {

constexpr std::size_t kFixedBytes = 18;
constexpr std::size_t kSenseHeaderBytes = 8;  // of both formats; ADDITIONAL SENSE LENGTH is its last byte

// Sense data descriptor types (SPC-4 4.5.2; 0xd: SBC-4).
enum : std::uint8_t {
  kInformation = 0x00,
  kCommandSpecific = 0x01,
  kSenseKeySpecific = 0x02,
  kStream = 0x04,
  kBlock = 0x05,
  kDirectAccess = 0x0d,
};

void take_flags(Sense& sense, std::uint8_t byte) {
  sense.filemark = (byte & 0x80) != 0;
  sense.end_of_medium = (byte & 0x40) != 0;
  sense.incorrect_length = (byte & 0x20) != 0;
}
void take_key_specific(Sense& sense, const Reader& in, std::size_t at) {
  if (in.has(at, 3) && in.bit(at, 7)) sense.key_specific = {{in.u8(at), in.u8(at + 1), in.u8(at + 2)}};
}
void take_command_specific(Sense& sense, std::uint64_t value) {
  if (value != 0) sense.command_specific = value;
}
std::uint8_t flags_of(const Sense& sense) {
  return static_cast<std::uint8_t>((sense.filemark ? 0x80 : 0) | (sense.end_of_medium ? 0x40 : 0) |
                                   (sense.incorrect_length ? 0x20 : 0));
}

// SPC-4 4.5.3.
void decode_fixed(Sense& sense, const Reader& in) {
  sense.key = static_cast<SenseKey>(in.u8(2) & 0xf);
  take_flags(sense, in.u8(2));
  if (in.bit(0, 7) && in.has(3, 4)) sense.information = in.u32(3);
  take_command_specific(sense, in.u32(8));
  sense.additional = {in.u8(12), in.u8(13)};
  take_key_specific(sense, in, 15);
}

// Returns false for a malformed descriptor.
bool decode_descriptor(Sense& sense, const Reader& in) {
  const auto type = in.u8(0);
  const auto size = in.size();
  switch (type) {
    case kInformation:
      if (size < 12) return false;
      if (in.bit(2, 7)) sense.information = in.u64(4);
      return true;
    case kCommandSpecific:
      if (size < 12) return false;
      take_command_specific(sense, in.u64(4));
      return true;
    case kSenseKeySpecific:
      if (size < 8) return false;
      take_key_specific(sense, in, 4);
      return true;
    case kStream:
      if (size < 4) return false;
      take_flags(sense, in.u8(3));
      return true;
    case kBlock:
      if (size < 4) return false;
      sense.incorrect_length = in.bit(3, 5);
      return true;
    case kDirectAccess:
      if (size < 32) return false;
      sense.incorrect_length = in.bit(3, 5);
      take_key_specific(sense, in, 4);
      if (in.bit(2, 7)) sense.information = in.u64(8);
      take_command_specific(sense, in.u64(16));
      return true;
    default: return true;  // forwarded sense, OSD, ATA, vendor specific: nothing that we use
  }
}

// SPC-4 4.5.2.
void decode_descriptors(Sense& sense, const Reader& in) {
  sense.key = static_cast<SenseKey>(in.u8(1) & 0xf);
  sense.additional = {in.u8(2), in.u8(3)};
  std::size_t at = kSenseHeaderBytes;
  while (in.has(at, 2)) {
    const std::size_t size = std::size_t{in.u8(at + 1)} + 2;
    if (!in.has(at, size) || !decode_descriptor(sense, Reader{in.slice(at, size)})) return;
    at += size;
  }
}

EncodedSense encode_fixed(const Sense& sense) {
  EncodedSense out;
  auto& b = out.bytes;
  out.size = kFixedBytes;
  b[0] = sense.response_code();
  b[2] = static_cast<std::uint8_t>(flags_of(sense) | static_cast<std::uint8_t>(sense.key));
  if (sense.information && *sense.information <= 0xffffffffu) {
    b[0] |= 0x80;
    store(&b[3], static_cast<std::uint32_t>(*sense.information));
  }
  b[7] = kFixedBytes - kSenseHeaderBytes;
  if (sense.command_specific && *sense.command_specific <= 0xffffffffu)
    store(&b[8], static_cast<std::uint32_t>(*sense.command_specific));
  b[12] = sense.additional.code;
  b[13] = sense.additional.qualifier;
  if (sense.key_specific) std::copy(sense.key_specific->begin(), sense.key_specific->end(), &b[15]);
  return out;
}

EncodedSense encode_descriptors(const Sense& sense) {
  EncodedSense out;
  auto& b = out.bytes;
  b[0] = sense.response_code();
  b[1] = static_cast<std::uint8_t>(sense.key);
  b[2] = sense.additional.code;
  b[3] = sense.additional.qualifier;
  std::size_t at = kSenseHeaderBytes;
  // Adds the header of the next descriptor and returns its position.
  const auto add = [&](std::uint8_t type, std::uint8_t size) {
    b[at] = type;
    b[at + 1] = static_cast<std::uint8_t>(size - 2);
    at += size;
    return &b[at - size];
  };
  if (sense.information) {
    auto* descriptor = add(kInformation, 12);
    descriptor[2] = 0x80;
    store(descriptor + 4, *sense.information);
  }
  if (sense.command_specific) store(add(kCommandSpecific, 12) + 4, *sense.command_specific);
  if (sense.key_specific)
    std::copy(sense.key_specific->begin(), sense.key_specific->end(), add(kSenseKeySpecific, 8) + 4);
  if (flags_of(sense) != 0) add(kStream, 4)[3] = flags_of(sense);
  b[7] = static_cast<std::uint8_t>(at - kSenseHeaderBytes);
  out.size = static_cast<std::uint8_t>(at);
  return out;
}

}  // namespace

Result<Sense> decode_sense(Bytes bytes) {
  if (bytes.empty()) return protocol_error("sense data: empty");
  Sense sense;
  const auto response_code = static_cast<std::uint8_t>(bytes[0] & 0x7f);
  if (response_code < 0x70 || response_code > 0x73)
    return protocol_error(
        fmt::format("sense data: response code 0x{:02x}, expected 0x70-0x73", response_code));
  sense.deferred = (response_code & 1) != 0;
  sense.descriptor_format = (response_code & 2) != 0;
  const std::size_t key_at = sense.descriptor_format ? 1 : 2;
  if (bytes.size() <= key_at)
    return protocol_error(
        fmt::format("sense data: {} bytes, too short for the sense key at byte {}", bytes.size(), key_at));
  // Bytes after ADDITIONAL SENSE LENGTH are not sense data.
  if (bytes.size() >= kSenseHeaderBytes)
    bytes = bytes.first(std::min<std::size_t>(bytes.size(), kSenseHeaderBytes + std::size_t{bytes[7]}));
  if (sense.descriptor_format)
    decode_descriptors(sense, Reader{bytes});
  else
    decode_fixed(sense, Reader{bytes});
  return sense;
}

EncodedSense encode(const Sense& sense) noexcept {
  return sense.descriptor_format ? encode_descriptors(sense) : encode_fixed(sense);
}

const char* to_string(SenseKey key) noexcept {
  switch (key) {
    case SenseKey::no_sense: return "no sense";
    case SenseKey::recovered_error: return "recovered error";
    case SenseKey::not_ready: return "not ready";
    case SenseKey::medium_error: return "medium error";
    case SenseKey::hardware_error: return "hardware error";
    case SenseKey::illegal_request: return "illegal request";
    case SenseKey::unit_attention: return "unit attention";
    case SenseKey::data_protect: return "data protect";
    case SenseKey::blank_check: return "blank check";
    case SenseKey::vendor_specific: return "vendor specific";
    case SenseKey::copy_aborted: return "copy aborted";
    case SenseKey::aborted_command: return "aborted command";
    case SenseKey::equal: return "equal";
    case SenseKey::volume_overflow: return "volume overflow";
    case SenseKey::miscompare: return "miscompare";
    case SenseKey::completed: return "completed";
  }
  return "unknown sense key";
}

std::string to_string(const Sense& sense) {
  std::string text = fmt::format("{}{}: {}", sense.deferred ? "deferred " : "", to_string(sense.key),
                                 to_string(sense.additional));
  if (sense.information) text += fmt::format(", information 0x{:x}", *sense.information);
  if (sense.command_specific) text += fmt::format(", command-specific 0x{:x}", *sense.command_specific);
  if (sense.key_specific) text += fmt::format(", key-specific {}", hex(*sense.key_specific));
  return text;
}

}  // namespace srpi::scsi
