// SPDX-License-Identifier: Apache-2.0
// MODE SENSE parameter data (SPC-4 7.5, SBC-3 6.5): write protection, FUA support, the caching page.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scsi/bytes.hpp"

namespace srpi::scsi {

struct CachingPage {
  bool write_cache = false;          // WCE: writes may end before they are on the medium
  bool read_cache_disabled = false;  // RCD
  friend bool operator==(const CachingPage&, const CachingPage&) = default;
};

struct ModeParameters {
  bool write_protected = false;  // WP
  bool dpo_fua = false;          // DPOFUA: the unit supports the DPO and FUA bits
  std::optional<CachingPage> caching;
  bool truncated = false;  // the reply has more than was received
  friend bool operator==(const ModeParameters&, const ModeParameters&) = default;
};

// Skips unknown pages. protocol_error: an incomplete header, or block descriptors or pages that claim more
// bytes than there are. In truncated data that ends the list instead.
[[nodiscard]] Result<ModeParameters> decode_mode_sense6(Bytes);
[[nodiscard]] Result<ModeParameters> decode_mode_sense10(Bytes);

// For the target: a header without block descriptors, then the caching page if there is one.
[[nodiscard]] std::vector<std::uint8_t> encode_mode_sense6(const ModeParameters&);
[[nodiscard]] std::vector<std::uint8_t> encode_mode_sense10(const ModeParameters&);

}  // namespace srpi::scsi
