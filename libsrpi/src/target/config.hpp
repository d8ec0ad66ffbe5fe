// SPDX-License-Identifier: Apache-2.0
// The configuration of a RAM target.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scsi/additional_sense.hpp"
#include "srpi/port_id.hpp"
#include "srpi/target_address.hpp"

namespace srpi::target {

inline constexpr std::uint16_t kMostLun = 1023;  // the highest LUN

struct LunConfig {
  std::uint16_t number = 0;        // 0..kMostLun
  std::uint64_t bytes = 0;         // a multiple of block_size, below 2^47
  std::uint64_t max_bytes = 0;     // resize() can grow the disk up to this; 0: not at all
  std::uint32_t block_size = 512;  // 512, 1024, 2048 or 4096
  std::string name;  // makes serial number and wwid; empty: use the target port id and the number
  bool read_only = false;
  // Writes stay in a volatile cache, which lose_caches() empties, until FUA or SYNCHRONIZE CACHE. Needs
  // memory for a second copy of the written blocks.
  bool volatile_cache = false;
  bool force_unit_access = true;  // MODE SENSE reports DPOFUA; false: FUA in a CDB is refused
};

struct TargetConfig {
  PortId port_id;  // id_ext ‖ ioc_guid
  std::vector<LunConfig> luns;

  std::uint32_t request_limit = 128;  // credits of a new channel, 1..1024
  std::uint32_t max_iu_bytes = 8276;  // from the initiator to the target, 64..65536
  std::uint32_t max_sessions = 64;
  std::uint32_t max_channels = 16;  // per session
  bool multi_channel = true;        // false: a second channel of an initiator port is rejected
  // True: each channel is a session of its own, as in Linux's target. It has its own unit attentions, and
  // ABORT TASK finds only its own commands. False: the channels of an initiator port are one I_T nexus, as
  // the SRP standard says.
  bool channels_are_sessions = false;
  bool immediate_data = true;
  std::uint32_t max_transfer_bytes = 8u << 20;  // reported in VPD 0xB0; 0: no limit
  std::vector<PortId> acl;                      // initiator ports that may log in; empty: all
  // The unit attention of a new session. Linux's target reports REPORTED LUNS DATA HAS CHANGED.
  std::optional<scsi::AdditionalSense> login_attention = scsi::kReportedLunsDataChanged;
  // True: a login that ends the initiator's older channels also ends their writes held by
  // Outcome::Kind::hold_medium. False: these writes still reach the medium later, unless a LUN RESET ends
  // them, as in a target whose backing device has a queue.
  bool login_ends_held_writes = true;
  // Returns the memory of unmapped blocks to the system. Do not use it with a real RDMA device, which would
  // still use the old pages.
  bool release_unmapped_pages = false;
  RamFlood flood = RamFlood::none;
};

}  // namespace srpi::target
