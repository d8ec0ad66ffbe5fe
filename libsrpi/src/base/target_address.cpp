// SPDX-License-Identifier: Apache-2.0
// Parses target addresses in three steps: split the text into an authority and items, find out the form,
// apply the items by the table of keys.
#include "srpi/target_address.hpp"

#include <algorithm>
#include <vector>

#include "base/target_address_keys.hpp"

namespace srpi {
namespace {

using namespace base;

constexpr std::size_t kMaxCharacters = 4096;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

Result<std::string> percent_decoded(std::string_view text, std::size_t position) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return invalid_address("% without two hex digits at character " + std::to_string(position + i));
    if (high == 0 && low == 0)
      return invalid_address("a zero byte at character " + std::to_string(position + i));
    decoded += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return decoded;
}

// `position` is the position of the text's first character. Empty items are skipped, as in ib_srp.
Result<std::vector<Item>> split_items(std::string_view text, std::size_t position, char separator,
                                      bool is_uri) {
  std::vector<Item> items;
  while (true) {
    const auto end = std::min(text.find(separator), text.size());
    const auto item = text.substr(0, end);
    if (!item.empty()) {
      const auto equals = item.find('=');
      if (equals == std::string_view::npos || equals == 0)
        return invalid_address("\"" + std::string(item) + "\" at character " + std::to_string(position) +
                               " is not KEY=VALUE");
      std::string value(item.substr(equals + 1));
      if (is_uri) {
        auto decoded = percent_decoded(value, position + equals + 1);
        if (!decoded) return decoded.error();
        value = std::move(*decoded);
      }
      items.push_back({std::string(item.substr(0, equals)), std::move(value), position});
    }
    if (end == text.size()) return items;
    text.remove_prefix(end + 1);
    position += end + 1;
  }
}

bool has_scheme(std::string_view text, std::string_view scheme) {
  return text.size() >= scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), text.begin(), [](char s, char c) {
           return s == (c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
         });
}

// The text between "://" and the query, and the query's items.
struct Uri {
  std::string authority;
  std::vector<Item> items;
};

Result<Uri> split_uri(std::string_view text, std::size_t scheme_characters, std::size_t position) {
  text.remove_prefix(scheme_characters);
  position += scheme_characters;
  const auto end = std::min(text.find_first_of("/?"), text.size());
  auto authority = percent_decoded(text.substr(0, end), position);
  if (!authority) return authority.error();
  auto rest = text.substr(end);
  position += end;
  if (rest.starts_with('/')) {
    rest.remove_prefix(1);
    ++position;
  }
  if (rest.empty()) return Uri{std::move(*authority), {}};
  if (rest.front() != '?')
    return invalid_address("a path at character " + std::to_string(position) +
                           ", where only ?KEY=VALUE&... may follow");
  auto items = split_items(rest.substr(1), position + 1, '&', true);
  if (!items) return items.error();
  return Uri{std::move(*authority), std::move(*items)};
}

Result<Target> parse_srp_uri(std::string_view text, std::size_t position) {
  auto uri = split_uri(text, std::string_view("srp://").size(), position);
  if (!uri) return uri.error();
  auto dest = split_host_port(uri->authority);
  if (!dest || !dest->port) return invalid_address("\"" + uri->authority + kHostForms);
  Target target;
  target.address.transport = RdmaCmAddress{std::move(dest->host), *dest->port, {}};
  if (auto done = apply_items(target, uri->items, kRdmaCmUri); !done) return done.error();
  return target;
}

Result<Target> parse_ram_uri(std::string_view text, std::size_t position) {
  auto uri = split_uri(text, std::string_view("ram://").size(), position);
  if (!uri) return uri.error();
  const auto size = parse_size(uri->authority);
  if (!size)
    return invalid_address("\"" + uri->authority + "\" is not a size: bytes, or a number with K, M, G or T");
  Target target;
  target.address.transport = RamAddress{*size};
  if (auto done = apply_items(target, uri->items, kRam); !done) return done.error();
  const auto& ram = std::get<RamAddress>(target.address.transport);
  if (ram.size_bytes % ram.block_size != 0)
    return invalid_address("size of " + std::to_string(ram.size_bytes) +
                           " bytes is not a multiple of block_size " + std::to_string(ram.block_size));
  return target;
}

Result<Target> parse_login_string(std::string_view text, std::size_t position) {
  auto items = split_items(text, position, ',', false);
  if (!items) return items.error();
  const auto find = [&](std::string_view key) {
    return std::find_if(items->begin(), items->end(), [&](const Item& i) { return i.key == key; });
  };
  const auto dest = find("dest");
  const auto dgid = find("dgid");
  if (dest != items->end() && dgid != items->end())
    return invalid_address(std::max(dest, dgid)[0],
                           "both dest (RDMA CM) and dgid (InfiniBand CM) given; only one is permitted");
  if (dest == items->end() && dgid == items->end())
    return invalid_address("expected srp://, ram://, or a login string with dest or dgid");
  Target target;
  if (dgid != items->end()) target.address.transport = IbCmAddress{};
  if (auto done = apply_items(target, *items, dgid != items->end() ? kIbCm : kRdmaCmLogin); !done)
    return done.error();
  return target;
}

}  // namespace

Result<Target> parse_target(std::string_view text) {
  if (text.size() > kMaxCharacters)
    return invalid_address(std::to_string(text.size()) + " characters; at most " +
                           std::to_string(kMaxCharacters) + " are permitted");
  std::size_t position = 1;
  for (; !text.empty() && is_blank(text.front()); ++position) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  // A zero byte would end the text early in code that uses C strings.
  if (const auto zero = text.find('\0'); zero != std::string_view::npos)
    return invalid_address("a zero byte at character " + std::to_string(position + zero));

  if (has_scheme(text, "srp://")) return parse_srp_uri(text, position);
  if (has_scheme(text, "ram://")) return parse_ram_uri(text, position);
  return parse_login_string(text, position);
}

}  // namespace srpi
