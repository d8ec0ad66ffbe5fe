// SPDX-License-Identifier: Apache-2.0
// What a RAM target is made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "scsi/additional_sense.hpp"
#include "srpi/port_id.hpp"

namespace srpi::target {

inline constexpr std::uint16_t kMostLun = 1023;  // more than an initiator may want to take

struct LunConfig {
  std::uint16_t number = 0;        // 0..kMostLun
  std::uint64_t bytes = 0;         // a multiple of block_size, below 2^47
  std::uint64_t max_bytes = 0;     // room to grow by resize(); 0: none
  std::uint32_t block_size = 512;  // 512, 1024, 2048 or 4096
  std::string name;  // serial number and wwid derive from it; empty: from the target port id and the number
  bool read_only = false;
  // Writes stay in a cache that lose_caches() empties, until FUA, SYNCHRONIZE CACHE or the end of
  // volatile_cache. Costs a second copy of what is written.
  bool volatile_cache = false;
  bool force_unit_access = true;  // MODE SENSE says DPOFUA; false: FUA in a CDB is refused
};

struct TargetConfig {
  PortId port_id;  // id_ext ‖ ioc_guid
  std::vector<LunConfig> luns;

  std::uint32_t request_limit = 128;  // credits of a new channel, 1..1024
  std::uint32_t max_iu_bytes = 8276;  // of initiator to target, 64..65536
  std::uint32_t max_sessions = 64;
  std::uint32_t max_channels = 16;  // of a session
  bool multi_channel = true;        // false: a second channel of an initiator port is rejected
  // Each channel is a session of its own, as in Linux' target: it has its own unit attentions, and ABORT TASK
  // finds only its own commands. False: the channels of an initiator port are one I_T nexus, as SRP has it.
  bool channels_are_sessions = false;
  bool immediate_data = true;
  std::uint32_t max_transfer_bytes = 8u << 20;  // what VPD 0xB0 says; 0: no limit
  std::vector<PortId> acl;                      // initiator ports that may log in; empty: all
  // What the first command of a new session is told. Linux' target says REPORTED LUNS DATA HAS CHANGED.
  std::optional<scsi::AdditionalSense> login_attention = scsi::kReportedLunsDataChanged;
  // A login that ends its initiator's older channels also ends the writes that Outcome::Kind::hold_medium
  // keeps. False: they reach the medium later all the same, unless LUN RESET ends them; as in a target that
  // has queued them below itself.
  bool login_ends_held_writes = true;
  // Give memory of unmapped blocks back to the system. Not with a real RDMA device: it would go on using the
  // old pages.
  bool release_unmapped_pages = false;
};

}  // namespace srpi::target
