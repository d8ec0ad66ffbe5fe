// SPDX-License-Identifier: Apache-2.0
// How a target is named: URI or login string, both parsed and printed.
//
//   srp://HOST:PORT/?id_ext=HEX&ioc_guid=HEX[&src=HOST][&initiator_ext=HEX]…     RDMA CM (RoCE, iWARP, IPoIB)
//   id_ext=HEX,ioc_guid=HEX,dest=HOST:PORT[,src=HOST]…                           the same, as ib_srp takes it
//   id_ext=HEX,ioc_guid=HEX,dgid=32HEX,pkey=HEX,service_id=HEX…                  native InfiniBand CM, as
//                                                                                `ibsrpdm -c` prints it
//   ram://SIZE[?luns=N&block_size=BYTES&flood=KIND]                              the built-in target, in this process
//
// Each key may occur once. id_ext, ioc_guid, dest, dgid and service_id are mandatory in the forms that show
// them. src, sgid, pkey, io_class and the keys of SessionOverrides are optional. Ids, keys and classes are
// hexadecimal, with or without 0x. Counts are decimal. SIZE may end in K, M, G or T (powers of 1024). An IPv6
// address stands in brackets; in a URI, the % of its zone is written %25. Values in a URI may be
// percent-encoded. The port of a src is ignored.
//
// Accepted and ignored, but not in ram://, are the keys of ib_srp that mean nothing here: max_sect,
// max_cmd_per_lun, target_can_queue, sg_tablesize, allow_ext_sg and comp_vector. Any other key is an error.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "srpi/error.hpp"
#include "srpi/export.hpp"
#include "srpi/port_id.hpp"
#include "srpi/session_options.hpp"

namespace srpi {

struct RdmaCmAddress {
  std::string host;  // name, IPv4 or IPv6 without brackets
  std::uint16_t port = 0;
  std::string source_host;  // empty: let routing choose
  bool operator==(const RdmaCmAddress&) const = default;
};

struct IbCmAddress {
  std::array<std::uint8_t, 16> dgid{};
  std::optional<std::array<std::uint8_t, 16>> sgid;
  std::uint16_t pkey = 0xffff;
  std::uint64_t service_id = 0;
  bool operator==(const IbCmAddress&) const = default;
};

// What the built-in target does without end, as fast as it can, to try its initiator.
enum class RamFlood : std::uint8_t {
  none,
  events,      // SRP_AER_REQ: a unit reports that its space is low
  credits,     // SRP_CRED_REQ that grant nothing
  attentions,  // a unit attention in place of every second answer to a read or write: its size has changed
  changes,     // the first unit grows, and each time reports that
  logouts,     // SRP_T_LOGOUT in place of the answer to a read or write
};
[[nodiscard]] SRPI_EXPORT const char* to_string(RamFlood) noexcept;

struct RamAddress {
  std::uint64_t size_bytes = 0;    // of each logical unit; a multiple of block_size, below 8 EiB
  std::uint32_t luns = 1;          // 1..256
  std::uint32_t block_size = 512;  // bytes, a power of two from 512 to 65536
  RamFlood flood = RamFlood::none;
  bool operator==(const RamAddress&) const = default;
};

// Which target, and the way to it.
struct SRPI_EXPORT TargetAddress {
  std::variant<RdmaCmAddress, IbCmAddress, RamAddress> transport;
  std::uint64_t id_ext = 0;
  std::uint64_t ioc_guid = 0;
  std::uint16_t io_class = 0x0100;  // 0x0100 (SRP r16a) or 0xff00 (r10)

  bool operator==(const TargetAddress&) const = default;

  [[nodiscard]] PortId target_port_id() const;  // halves in the order io_class asks for
};

// Options of a session that a login string or a URI may carry beside the address, with ib_srp's names. One
// that is set wins over the SessionOptions field it belongs to.
struct SRPI_EXPORT SessionOverrides {
  std::optional<std::uint64_t> initiator_ext;
  std::optional<std::uint32_t> queue_size;      // queue_depth: requests, 1 or more
  std::optional<std::uint32_t> max_it_iu_size;  // max_it_iu_bytes: kLeastItIuBytes to kMostItIuBytes
  std::optional<std::uint32_t> cmd_sg_entries;  // descriptors: 1 to 255
  std::optional<std::uint32_t> tl_retry_count;  // retry_count: 2 to 7; 7 is taken as 6 (it may be infinite)
  std::optional<std::uint32_t> ch_count;        // channels: 1 or more; more than 16 are taken as 16

  bool operator==(const SessionOverrides&) const = default;

  // The options that a session with this target uses.
  [[nodiscard]] SessionOptions applied_to(SessionOptions) const;
};

// What a target's text says.
struct SRPI_EXPORT Target {
  TargetAddress address;
  SessionOverrides overrides;

  bool operator==(const Target&) const = default;

  [[nodiscard]] std::string to_uri() const;           // IbCm: prints the login string (it has no URI form)
  [[nodiscard]] std::string to_login_string() const;  // Ram: prints the URI
};

// Reads any of the forms above, blanks around it permitted. At most 4096 characters.
// Errors: invalid_argument, naming the key and the place.
[[nodiscard]] SRPI_EXPORT Result<Target> parse_target(std::string_view text);

}  // namespace srpi
