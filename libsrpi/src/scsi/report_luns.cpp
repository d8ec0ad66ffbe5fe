// SPDX-License-Identifier: Apache-2.0
#include "scsi/report_luns.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srpi::scsi {
namespace {

constexpr std::size_t kListHeaderBytes = 8;
constexpr std::size_t kLunBytes = 8;
constexpr std::uint64_t kFlatNumbers = 0x4000;

// The LUN that SAM-5 uses for flat number N, as an integer.
constexpr std::uint64_t usual_form(std::uint64_t flat) { return (flat < 0x100 ? flat : 0x4000 | flat) << 48; }

// Exchanges N and the usual form of N; every other value stays. The function is its own inverse, so numbers
// and LUNs map one to one.
constexpr std::uint64_t exchanged(std::uint64_t value) {
  if (value < kFlatNumbers) return usual_form(value);
  const std::uint64_t flat = value >> 48 & (kFlatNumbers - 1);
  return usual_form(flat) == value ? flat : value;
}

}  // namespace

std::optional<std::uint16_t> flat_number_of(const Lun& lun) noexcept {
  if (std::any_of(lun.begin() + 2, lun.end(), [](std::uint8_t byte) { return byte != 0; }))
    return std::nullopt;
  const auto first = load<std::uint16_t>(lun.data());
  switch (first >> 14) {  // ADDRESS METHOD
    case 0:               // peripheral device: bits 8-13 are the bus, which must be 0
      if (first > 0xff) return std::nullopt;
      return first;
    case 1: return static_cast<std::uint16_t>(first & 0x3fff);  // flat space
    default: return std::nullopt;
  }
}

std::uint64_t number_of(const Lun& lun) noexcept { return exchanged(load<std::uint64_t>(lun.data())); }

Lun lun_of(std::uint64_t number) noexcept {
  Lun lun{};
  store(lun.data(), exchanged(number));
  return lun;
}

// SAM-5 4.7: extended addressing (method 3) of length 0, extended method 1.
bool is_well_known(const Lun& lun) noexcept { return lun[0] == 0xc1; }

// SAM-5 4.7: extended addressing (method 3) of length 3, extended method 15.
bool is_unspecified(const Lun& lun) noexcept { return lun[0] == 0xff; }

Result<ReportedLuns> decode_report_luns(Bytes bytes) {
  if (bytes.size() < kListHeaderBytes)
    return protocol_error(fmt::format("REPORT LUNS: {} bytes, less than the {} bytes of the header",
                                      bytes.size(), kListHeaderBytes));
  const std::size_t list = load<std::uint32_t>(bytes.data());
  if (list % kLunBytes != 0)
    return protocol_error(
        fmt::format("REPORT LUNS: a list of {} bytes, expected a multiple of {}", list, kLunBytes));
  auto data = bytes.subspan(kListHeaderBytes);
  ReportedLuns out;
  out.truncated = list > data.size();
  out.list_bytes = kListHeaderBytes + list;
  data = data.first(std::min(list, data.size()) / kLunBytes * kLunBytes);
  out.luns.resize(data.size() / kLunBytes);
  for (auto& lun : out.luns) {
    std::copy_n(data.begin(), kLunBytes, lun.begin());
    data = data.subspan(kLunBytes);
  }
  return out;
}

std::size_t ReportedLuns::unread() const noexcept {
  return (list_bytes - kListHeaderBytes) / kLunBytes - luns.size();
}

std::vector<std::uint8_t> encode_report_luns(std::span<const Lun> luns) {
  std::vector<std::uint8_t> out(kListHeaderBytes);
  out.reserve(kListHeaderBytes + luns.size() * kLunBytes);
  store(out.data(), static_cast<std::uint32_t>(luns.size() * kLunBytes));
  for (const auto& lun : luns) out.insert(out.end(), lun.begin(), lun.end());
  return out;
}

}  // namespace srpi::scsi
