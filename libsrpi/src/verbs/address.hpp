// SPDX-License-Identifier: Apache-2.0
// Socket addresses as the RDMA connection manager takes them: IPv4, IPv6 and, for native InfiniBand, AF_IB.
#pragma once

#include <rdma/rdma_cma.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "srpi/error.hpp"
#include "srpi/target_address.hpp"

namespace srpi::verbs {

struct SocketAddress {
  sockaddr_storage storage{};

  // librdmacm takes pointers to non-const, and reads only.
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
};

// One way to try: where to, and from where if the caller chose.
struct Route {
  SocketAddress destination;
  std::optional<SocketAddress> source;
};

// The addresses a host name stands for, in the order the resolver gives, as far as the source's family
// allows. Blocks while names are looked up (name_lookup.hpp does not); numeric addresses never do. Errors:
// invalid_argument (no host, port 0, no family in common), unreachable (name not found).
[[nodiscard]] Result<std::vector<Route>> routes_to(const RdmaCmAddress&);
// What has to be looked up for that: "storage1", "storage1 and its source eth-storage"; empty: all is
// numeric.
[[nodiscard]] std::string names_in(const RdmaCmAddress&);

// Native InfiniBand. AF_IB is refused by RoCE and iWARP devices.
[[nodiscard]] Route route_to(const IbCmAddress&);

// "10.0.0.2", "fe80::1%eth0"; a GID in text for AF_IB; "?" for what is none of them.
[[nodiscard]] std::string host_text(const sockaddr*);
// "10.0.0.2:5555", "[fd00::2]:5555"; AF_IB has no port: the GID alone.
[[nodiscard]] std::string host_and_port_text(const sockaddr*);
[[nodiscard]] std::string gid_text(const std::uint8_t (&gid)[16]);

}  // namespace srpi::verbs
