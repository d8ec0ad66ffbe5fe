// SPDX-License-Identifier: Apache-2.0
// Socket addresses for the RDMA connection manager: IPv4, IPv6 and, for native InfiniBand, AF_IB.
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

  // librdmacm takes a pointer to non-const, but only reads.
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  [[nodiscard]] int family() const noexcept { return storage.ss_family; }
};

// A destination and, if the caller chose one, a source.
struct Route {
  SocketAddress destination;
  std::optional<SocketAddress> source;
};

// The addresses of a host name that have the source's family, in the resolver's order. Blocks while a name is
// looked up (name_lookup.hpp does not block); numeric addresses never block. Errors: invalid_argument (no
// host, port 0, different address families), unreachable (name not found).
[[nodiscard]] Result<std::vector<Route>> routes_to(const RdmaCmAddress&);
// The names that must be looked up: "storage1", "storage1 and its source eth-storage". Empty if all is
// numeric.
[[nodiscard]] std::string names_in(const RdmaCmAddress&);

// For native InfiniBand. RoCE and iWARP devices refuse AF_IB.
[[nodiscard]] Route route_to(const IbCmAddress&);

// "10.0.0.2", "fe80::1%eth0"; for AF_IB the GID; "?" for another family.
[[nodiscard]] std::string host_text(const sockaddr*);
// "10.0.0.2:5555", "[fd00::2]:5555"; for AF_IB, which has no port, the GID alone.
[[nodiscard]] std::string host_and_port_text(const sockaddr*);
[[nodiscard]] std::string gid_text(const std::uint8_t (&gid)[16]);

}  // namespace srpi::verbs
