// SPDX-License-Identifier: Apache-2.0
// A logical unit in NBD's terms, for the kernel or for a client at a socket.
#pragma once

#include <cstdint>
#include <string>

namespace srp_nbd {

struct ExportInfo {
  std::string name;         // "lun0"
  std::string description;  // for people: vendor, product, wwid
  std::uint64_t lun = 0;
  std::uint64_t size_bytes = 0;
  std::uint32_t block_size = 512;              // bytes; requests must be multiples
  std::uint32_t preferred_block_size = 4096;   // bytes
  std::uint32_t max_request_bytes = 8u << 20;  // of one read or write
  std::uint16_t transmission_flags = 0;        // NBD_FLAG_*
};

}  // namespace srp_nbd
