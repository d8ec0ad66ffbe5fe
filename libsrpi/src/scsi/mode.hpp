// SPDX-License-Identifier: Apache-2.0
// MODE SENSE parameter data (SPC-4 7.5, SBC-3 6.5): write protection, FUA support, the caching page.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

struct CachingPage {
  bool write_cache = false;          // WCE: GOOD may come before the medium has it, so flush matters
  bool read_cache_disabled = false;  // RCD
  friend bool operator==(const CachingPage&, const CachingPage&) = default;
};

struct ModeParameters {
  bool write_protected = false;  // WP
  bool dpo_fua = false;          // DPOFUA: the DPO and FUA bits work
  std::optional<CachingPage> caching;
  bool truncated = false;  // there is more than was received
  friend bool operator==(const ModeParameters&, const ModeParameters&) = default;
};

// Unknown pages are skipped. protocol_error: no whole header, or block descriptors or pages that claim more
// than the data have; in truncated data the list ends there instead.
[[nodiscard]] Result<ModeParameters> decode_mode_sense6(Bytes);
[[nodiscard]] Result<ModeParameters> decode_mode_sense10(Bytes);

// For the target: header without block descriptors, then the caching page if there is one.
[[nodiscard]] std::vector<std::uint8_t> encode_mode_sense6(const ModeParameters&);
[[nodiscard]] std::vector<std::uint8_t> encode_mode_sense10(const ModeParameters&);

}  // namespace srpi::scsi
