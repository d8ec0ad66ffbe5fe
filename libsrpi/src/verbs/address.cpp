// SPDX-License-Identifier: Apache-2.0
#include "verbs/address.hpp"

#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <infiniband/ib.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <memory>

namespace srpi::verbs {
namespace {

struct AddressListDeleter {
  void operator()(addrinfo* list) const noexcept { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

// Returns 0 or an error code of getaddrinfo.
int ask(const std::string& host, std::uint16_t port, int flags, AddressList& list) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // so that each address has one entry
  hints.ai_flags = AI_NUMERICSERV | flags;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  list.reset(found);
  return error;
}

bool is_name(const std::string& host) {
  AddressList list;
  return !host.empty() && ask(host, 0, AI_NUMERICHOST, list) != 0;
}

Result<std::vector<SocketAddress>> look_up(const std::string& host, std::uint16_t port) {
  AddressList list;
  int error = ask(host, port, AI_NUMERICHOST, list);
  if (error != 0) error = ask(host, port, 0, list);
  if (error != 0)
    return Error{error == EAI_MEMORY ? Errc::no_memory : Errc::unreachable,
                 fmt::format("looking up {}: {}", host,
                             error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error))};
  std::vector<SocketAddress> addresses;
  for (const addrinfo* a = list.get(); a != nullptr; a = a->ai_next) {
    if (a->ai_family != AF_INET && a->ai_family != AF_INET6) continue;
    SocketAddress address;
    std::memcpy(&address.storage, a->ai_addr, a->ai_addrlen);
    addresses.push_back(address);
  }
  if (addresses.empty())
    return Error{Errc::unreachable, fmt::format("looking up {}: it has no IPv4 or IPv6 address", host)};
  return addresses;
}

SocketAddress infiniband(const std::array<std::uint8_t, 16>& gid, std::uint16_t pkey,
                         std::uint64_t service_id) {
  SocketAddress address;
  auto& ib = reinterpret_cast<sockaddr_ib&>(address.storage);
  ib.sib_family = AF_IB;
  ib.sib_pkey = htobe16(pkey);
  std::memcpy(ib.sib_addr.sib_raw, gid.data(), gid.size());
  ib.sib_sid = htobe64(service_id);
  ib.sib_sid_mask = ~std::uint64_t{0};
  return address;
}

std::uint16_t port_of(const sockaddr* address) {
  return ntohs(address->sa_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(address)->sin6_port
                                              : reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

}  // namespace

Result<std::vector<Route>> routes_to(const RdmaCmAddress& target) {
  if (target.host.empty()) return Error{Errc::invalid_argument, "the target's address has no host"};
  if (target.port == 0)
    return Error{Errc::invalid_argument, fmt::format("the target's address '{}' has no port", target.host)};
  auto destinations = look_up(target.host, target.port);
  if (!destinations) return destinations.error();

  std::vector<Route> routes;
  if (target.source_host.empty()) {
    for (const auto& destination : *destinations) routes.push_back({destination, std::nullopt});
    return routes;
  }
  auto sources = look_up(target.source_host, 0);
  if (!sources) return sources.error();
  for (const auto& destination : *destinations)
    for (const auto& source : *sources)
      if (source.family() == destination.family()) routes.push_back({destination, source});
  if (routes.empty())
    return Error{
        Errc::invalid_argument,
        fmt::format("'{}' and its source '{}' have different address families: one is IPv4, the other IPv6",
                    target.host, target.source_host)};
  return routes;
}

std::string names_in(const RdmaCmAddress& target) {
  if (!is_name(target.source_host)) return is_name(target.host) ? target.host : std::string();
  if (!is_name(target.host)) return target.source_host;
  return fmt::format("{} and its source {}", target.host, target.source_host);
}

Route route_to(const IbCmAddress& target) {
  Route route;
  route.destination = infiniband(target.dgid, target.pkey, target.service_id);
  if (target.sgid) route.source = infiniband(*target.sgid, target.pkey, 0);
  return route;
}

std::string gid_text(const std::uint8_t (&gid)[16]) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, gid, text, sizeof text) != nullptr ? text : "?";
}

std::string host_text(const sockaddr* address) {
  if (address->sa_family == AF_IB)
    return gid_text(reinterpret_cast<const sockaddr_ib*>(address)->sib_addr.sib_raw);
  char text[NI_MAXHOST];
  const socklen_t bytes = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  return getnameinfo(address, bytes, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0 ? text : "?";
}

std::string host_and_port_text(const sockaddr* address) {
  if (address->sa_family == AF_INET6) return fmt::format("[{}]:{}", host_text(address), port_of(address));
  if (address->sa_family == AF_INET) return fmt::format("{}:{}", host_text(address), port_of(address));
  return host_text(address);
}

}  // namespace srpi::verbs
