// SPDX-License-Identifier: Apache-2.0
#include "srpi/target_lists.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <variant>

namespace srpi {
namespace {

// Returns the canonical form of an address. Names are not resolved.
std::string canonical_host(const std::string& host) {
  in_addr v4;
  in6_addr v6;
  char text[INET6_ADDRSTRLEN];
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return ::inet_ntop(AF_INET, &v4, text, sizeof text);
  const auto zone = std::min(host.find('%'), host.size());
  if (::inet_pton(AF_INET6, host.substr(0, zone).c_str(), &v6) == 1)
    return ::inet_ntop(AF_INET6, &v6, text, sizeof text) + host.substr(zone);
  std::string name = host;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  if (name.ends_with('.')) name.pop_back();
  return name;
}

bool is_same(const RdmaCmAddress& a, const RdmaCmAddress& b) {
  return a.port == b.port && canonical_host(a.host) == canonical_host(b.host) &&
         (a.source_host.empty() || b.source_host.empty() ||
          canonical_host(a.source_host) == canonical_host(b.source_host));
}

bool is_same(const IbCmAddress& a, const IbCmAddress& b) {
  constexpr std::uint16_t kPartition = 0x7fff;  // without the highest bit, which means "full member"
  return a.dgid == b.dgid && (a.pkey & kPartition) == (b.pkey & kPartition) && a.service_id == b.service_id &&
         (!a.sgid || !b.sgid || a.sgid == b.sgid);
}

bool is_same(const RamAddress& a, const RamAddress& b) { return a == b; }

template<class A, class B>
bool is_same(const A&, const B&) {
  return false;
}

}  // namespace

bool is_same_target(const TargetAddress& a, const TargetAddress& b) {
  return a.target_port_id() == b.target_port_id() &&
         std::visit([](const auto& x, const auto& y) { return is_same(x, y); }, a.transport, b.transport);
}

// Finds "… at character N …" in the message. The message also quotes the text, which may contain such words, so
// quoted words and positions beyond the text are ignored.
std::optional<std::size_t> error_position(const Error& error, std::string_view text) {
  constexpr std::string_view mark = "at character ";
  const std::string_view message = error.detail;
  for (auto at = message.find(mark); at != std::string_view::npos; at = message.find(mark, at + 1)) {
    if (std::ranges::count(message.substr(0, at), '"') % 2 != 0) continue;
    std::size_t position = 0;
    const auto digits = message.substr(at + mark.size());
    const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), position);
    if (failed != std::errc{} || position == 0 || position > text.size()) return std::nullopt;
    return position;
  }
  return std::nullopt;
}

}  // namespace srpi
