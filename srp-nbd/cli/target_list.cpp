// SPDX-License-Identifier: Apache-2.0
#include "cli/target_list.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <variant>

namespace srp_nbd {
namespace {

using srpi::IbCmAddress;
using srpi::RamAddress;
using srpi::RdmaCmAddress;
using srpi::TargetAddress;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || is_blank(line[i - 1]))) return line.substr(0, i);
  return line;
}

// Finds the position "… at character N …" in an error message of the library. The message also quotes the
// line, which may contain such words, so quoted text and positions beyond the line are ignored.
std::size_t column_of(std::string_view message, std::string_view line, std::size_t otherwise) {
  constexpr std::string_view mark = "at character ";
  for (auto at = message.find(mark); at != std::string_view::npos; at = message.find(mark, at + 1)) {
    if (std::count(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(at), '"') % 2 != 0)
      continue;
    std::size_t column = 0;
    const auto digits = message.substr(at + mark.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), column);
    return error == std::errc{} && column > 0 && column <= line.size() ? column : otherwise;
  }
  return otherwise;
}

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

TargetList parse_target_list(std::string_view text) {
  TargetList list;
  if (text.size() > kMaxTargetListBytes) {
    list.errors.push_back({1, 1, fmt::format("more than {} bytes", kMaxTargetListBytes)});
    return list;
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = without_comment(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));

    const auto first = std::find_if_not(line.begin(), line.end(), is_blank) - line.begin();
    if (first == static_cast<std::ptrdiff_t>(line.size())) continue;
    const auto column = static_cast<std::size_t>(first) + 1;
    auto target = srpi::parse_target(line);
    if (!target) {
      const auto message = target.error().message();
      list.errors.push_back({number, column_of(message, line, column), message});
      continue;
    }
    const auto same = std::find_if(list.targets.begin(), list.targets.end(), [&](const ListedTarget& t) {
      return is_same_target(t.target.address, target->address);
    });
    if (same != list.targets.end()) {
      list.repeated.push_back(
          {number, column, fmt::format("the same target as in line {}: it counts once", same->line)});
    } else if (list.targets.size() == kMaxListedTargets) {
      list.errors.push_back(
          {number, column,
           fmt::format("more than {} targets: this line and the rest are not read", kMaxListedTargets)});
      break;
    } else {
      list.targets.push_back({number, std::move(*target)});
    }
  }
  return list;
}

}  // namespace srp_nbd
