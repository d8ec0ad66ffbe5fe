// SPDX-License-Identifier: Apache-2.0
#include "base/target_address_keys.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "srpi/printable.hpp"
#include "srpi/session_options.hpp"

namespace srpi::base {
namespace {

constexpr std::size_t kMaxHostCharacters = 255;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_character(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

Result<std::uint64_t> parse_hex(const Item& item, std::size_t max_digits) {
  std::string_view digits = item.value;
  if (digits.starts_with("0x") || digits.starts_with("0X")) digits.remove_prefix(2);
  const auto all_hex = std::all_of(digits.begin(), digits.end(), [](char c) { return hex_value(c) >= 0; });
  if (digits.empty() || digits.size() > max_digits || !all_hex)
    return invalid_address(item, "\"" + item.value + "\" is not a hexadecimal number of at most " +
                                     std::to_string(max_digits) + " digits");
  std::uint64_t value = 0;
  for (const char c : digits) value = value << 4 | static_cast<unsigned>(hex_value(c));
  return value;
}

std::optional<std::uint64_t> decimal(std::string_view digits, std::uint64_t most) {
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (most - std::min(digit, most)) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value <= most ? std::optional(value) : std::nullopt;
}

Result<std::uint32_t> parse_count(const Item& item, std::uint32_t least, std::uint32_t most) {
  const auto value = decimal(item.value, most);
  if (!value || *value < least)
    return invalid_address(item, "\"" + item.value + "\" is not a number from " + std::to_string(least) +
                                     " to " + std::to_string(most));
  return static_cast<std::uint32_t>(*value);
}

Result<std::array<std::uint8_t, 16>> parse_gid(const Item& item) {
  const auto id = PortId::parse(item.value);
  if (!id) return invalid_address(item, "\"" + item.value + "\" is not a GID of 32 hex digits");
  return id->bytes;
}

bool is_ipv6(const std::string& host) {
  const auto percent = host.find('%');
  in6_addr address;
  if (inet_pton(AF_INET6, host.substr(0, percent).c_str(), &address) != 1) return false;
  if (percent == std::string::npos) return true;
  return percent + 1 < host.size() &&
         std::all_of(host.begin() + static_cast<std::ptrdiff_t>(percent) + 1, host.end(), is_name_character);
}

constexpr unsigned kEveryForm = kRdmaCmUri | kRdmaCmLogin | kIbCm | kRam;

using Apply = Result<> (*)(Target&, const Item&);

Result<> assign(std::optional<std::uint32_t>& field, const Item& item, std::uint32_t least,
                std::uint32_t most) {
  const auto value = parse_count(item, least, most);
  if (!value) return value.error();
  field = *value;
  return {};
}

template<class Integer>
Result<> assign_hex(Integer& field, const Item& item, std::size_t max_digits) {
  const auto value = parse_hex(item, max_digits);
  if (!value) return value.error();
  field = static_cast<Integer>(*value);
  return {};
}

Result<> set_io_class(Target& t, const Item& item) {
  const auto value = parse_hex(item, 4);
  if (!value) return value.error();
  if (*value != 0x0100 && *value != 0xff00)
    return invalid_address(item, "expected 0100 (SRP r16a) or ff00 (SRP r10)");
  t.address.io_class = static_cast<std::uint16_t>(*value);
  return {};
}

Result<> set_destination(Target& t, const Item& item) {
  auto dest = split_host_port(item.value);
  if (!dest || !dest->port) return invalid_address(item, "\"" + item.value + kHostForms);
  auto& rdma_cm = std::get<RdmaCmAddress>(t.address.transport);
  rdma_cm.host = std::move(dest->host);
  rdma_cm.port = *dest->port;
  return {};
}

Result<> set_source(Target& t, const Item& item) {
  auto source = split_host_port(item.value);
  if (!source)
    return invalid_address(
        item, "\"" + item.value + "\" is not a host name, IPv4 address or bracketed IPv6 address");
  std::get<RdmaCmAddress>(t.address.transport).source_host = std::move(source->host);
  return {};
}

Result<> set_dgid(Target& t, const Item& item) {
  const auto gid = parse_gid(item);
  if (!gid) return gid.error();
  std::get<IbCmAddress>(t.address.transport).dgid = *gid;
  return {};
}

Result<> set_sgid(Target& t, const Item& item) {
  const auto gid = parse_gid(item);
  if (!gid) return gid.error();
  std::get<IbCmAddress>(t.address.transport).sgid = *gid;
  return {};
}

Result<> set_luns(Target& t, const Item& item) {
  const auto value = parse_count(item, 1, 256);
  if (!value) return value.error();
  std::get<RamAddress>(t.address.transport).luns = *value;
  return {};
}

Result<> set_block_size(Target& t, const Item& item) {
  const auto value = parse_count(item, 512, 65536);
  if (!value) return value.error();
  if (!std::has_single_bit(*value)) return invalid_address(item, item.value + " is not a power of two");
  std::get<RamAddress>(t.address.transport).block_size = *value;
  return {};
}

Result<> set_flood(Target& t, const Item& item) {
  std::string known;
  for (auto flood = RamFlood::events; flood <= RamFlood::logouts;
       flood = static_cast<RamFlood>(static_cast<int>(flood) + 1)) {
    if (item.value == to_string(flood)) {
      std::get<RamAddress>(t.address.transport).flood = flood;
      return {};
    }
    known += (known.empty() ? "" : ", ") + std::string(to_string(flood));
  }
  return invalid_address(item, "\"" + item.value + "\" is not one of " + known);
}

struct Key {
  const char* name;
  unsigned forms;
  unsigned mandatory_in;
  Apply apply;  // null: the key is accepted and ignored
};

constexpr auto kMaxCount = std::numeric_limits<std::uint32_t>::max();
constexpr unsigned kNetworkForms = kRdmaCmUri | kRdmaCmLogin | kIbCm;

const Key kKeys[] = {
    {"id_ext", kEveryForm, kNetworkForms,
     [](auto& t, auto& i) { return assign_hex(t.address.id_ext, i, 16); }},
    {"ioc_guid", kEveryForm, kNetworkForms,
     [](auto& t, auto& i) { return assign_hex(t.address.ioc_guid, i, 16); }},
    {"dest", kRdmaCmLogin, kRdmaCmLogin, set_destination},
    {"src", kRdmaCmUri | kRdmaCmLogin, 0, set_source},
    {"dgid", kIbCm, kIbCm, set_dgid},
    {"sgid", kIbCm, 0, set_sgid},
    {"pkey", kIbCm, 0,
     [](auto& t, auto& i) { return assign_hex(std::get<IbCmAddress>(t.address.transport).pkey, i, 4); }},
    {"service_id", kIbCm, kIbCm,
     [](auto& t, auto& i) {
       return assign_hex(std::get<IbCmAddress>(t.address.transport).service_id, i, 16);
     }},
    {"luns", kRam, 0, set_luns},
    {"block_size", kRam, 0, set_block_size},
    {"flood", kRam, 0, set_flood},
    {"io_class", kEveryForm, 0, set_io_class},
    {"initiator_ext", kEveryForm, 0,
     [](auto& t, auto& i) { return assign_hex(t.overrides.initiator_ext.emplace(), i, 16); }},
    {"queue_size", kEveryForm, 0,
     [](auto& t, auto& i) { return assign(t.overrides.queue_size, i, 1, kMaxCount); }},
    {"max_it_iu_size", kEveryForm, 0,
     [](auto& t, auto& i) {
       return assign(t.overrides.max_it_iu_size, i, SessionOptions::kLeastItIuBytes,
                     SessionOptions::kMostItIuBytes);
     }},
    {"cmd_sg_entries", kEveryForm, 0,
     [](auto& t, auto& i) { return assign(t.overrides.cmd_sg_entries, i, 1, 255); }},
    {"tl_retry_count", kEveryForm, 0,
     [](auto& t, auto& i) { return assign(t.overrides.tl_retry_count, i, 2, 7); }},
    {"ch_count", kEveryForm, 0,
     [](auto& t, auto& i) { return assign(t.overrides.ch_count, i, 1, kMaxCount); }},
    {"max_sect", kNetworkForms, 0, nullptr},
    {"max_cmd_per_lun", kNetworkForms, 0, nullptr},
    {"target_can_queue", kNetworkForms, 0, nullptr},
    {"sg_tablesize", kNetworkForms, 0, nullptr},
    {"allow_ext_sg", kNetworkForms, 0, nullptr},
    {"comp_vector", kNetworkForms, 0, nullptr},
};

std::string known_keys(unsigned form) {
  std::string names;
  for (const auto& key : kKeys)
    if (key.forms & form) names += (names.empty() ? "" : ", ") + std::string(key.name);
  return names;
}

}  // namespace

Error invalid_address(const std::string& what) {
  return {Errc::invalid_argument, "target address: " + printable(what)};
}
Error invalid_address(const Item& item, const std::string& what) {
  return invalid_address(item.key + " at character " + std::to_string(item.position) + ": " + what);
}

int hex_value(char c) noexcept {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  if (text.empty()) return std::nullopt;
  static constexpr std::string_view kSuffixes = "KMGT";
  const char last =
      text.back() >= 'a' && text.back() <= 'z' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
  unsigned shift = 0;
  if (const auto i = kSuffixes.find(last); i != std::string_view::npos) {
    shift = 10 * (static_cast<unsigned>(i) + 1);
    text.remove_suffix(1);
  }
  const auto value = decimal(text, std::numeric_limits<std::int64_t>::max() >> shift);
  if (!value || *value == 0) return std::nullopt;
  return *value << shift;
}

std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort result;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, end - 1);
    if (!is_ipv6(result.host)) return std::nullopt;
    text.remove_prefix(end + 1);
  } else {
    const auto end = std::min(text.find(':'), text.size());
    result.host = text.substr(0, end);
    if (result.host.empty() || !std::all_of(result.host.begin(), result.host.end(), is_name_character))
      return std::nullopt;
    text.remove_prefix(end);
  }
  if (result.host.size() > kMaxHostCharacters) return std::nullopt;
  if (text.empty()) return result;
  const auto port = decimal(text.substr(1), 0xffff);
  if (text.front() != ':' || !port || *port == 0) return std::nullopt;
  result.port = static_cast<std::uint16_t>(*port);
  return result;
}

Result<> apply_items(Target& target, const std::vector<Item>& items, unsigned form) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& item = items[i];
    const auto key = std::find_if(std::begin(kKeys), std::end(kKeys),
                                  [&](const Key& k) { return item.key == k.name && (k.forms & form); });
    if (key == std::end(kKeys))
      return invalid_address("unknown key \"" + item.key + "\" at character " +
                             std::to_string(item.position) + "; known here: " + known_keys(form));
    for (std::size_t j = 0; j < i; ++j)
      if (items[j].key == item.key)
        return invalid_address(item, "given twice, first at character " + std::to_string(items[j].position));
    if (!key->apply) continue;
    if (auto done = key->apply(target, item); !done) return done;
  }
  for (const auto& key : kKeys)
    if ((key.mandatory_in & form) &&
        std::none_of(items.begin(), items.end(), [&](const Item& i) { return i.key == key.name; }))
      return invalid_address(std::string(key.name) + " is missing");
  return {};
}

}  // namespace srpi::base
