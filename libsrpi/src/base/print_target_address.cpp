// SPDX-License-Identifier: Apache-2.0
// Prints target addresses. parse_target turns the text into the same value again.
#include "srpi/target_address.hpp"

namespace srpi {
namespace {

std::string hex(std::uint64_t value, int digits) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int i = digits - 1; i >= 0; --i) text += kDigits[value >> (4 * i) & 15];
  return text;
}

std::string bracketed(const std::string& host) {
  return host.find(':') != std::string::npos ? "[" + host + "]" : host;
}

// The only character of a host that needs escaping in a URI is the % before an IPv6 zone.
std::string uri_escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%')
      escaped += "%25";
    else
      escaped += c;
  }
  return escaped;
}

std::string gid(const std::array<std::uint8_t, 16>& bytes) { return PortId{bytes}.to_string(); }

std::string size(std::uint64_t bytes) {
  static constexpr char kSuffixes[] = {'T', 'G', 'M', 'K'};
  for (int i = 0; i < 4; ++i) {
    const auto unit = std::uint64_t{1} << (10 * (4 - i));
    if (bytes >= unit && bytes % unit == 0) return std::to_string(bytes / unit) + kSuffixes[i];
  }
  return std::to_string(bytes);
}

// A list of KEY=VALUE items with a separator.
class Items {
 public:
  explicit Items(char separator) : separator_(separator) {}
  void add(const char* key, const std::string& value) {
    if (!text_.empty()) text_ += separator_;
    text_ += key;
    text_ += '=';
    text_ += value;
  }
  void add(const char* key, const std::optional<std::uint32_t>& count) {
    if (count) add(key, std::to_string(*count));
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  char separator_;
  std::string text_;
};

void add_target(Items& items, const TargetAddress& a) {
  items.add("id_ext", hex(a.id_ext, 16));
  items.add("ioc_guid", hex(a.ioc_guid, 16));
}

void add_parameters(Items& items, const Target& target) {
  const auto& a = target.address;
  const auto& o = target.overrides;
  if (a.io_class != TargetAddress{}.io_class) items.add("io_class", hex(a.io_class, 4));
  if (o.initiator_ext) items.add("initiator_ext", hex(*o.initiator_ext, 16));
  items.add("queue_size", o.queue_size);
  items.add("max_it_iu_size", o.max_it_iu_size);
  items.add("cmd_sg_entries", o.cmd_sg_entries);
  items.add("tl_retry_count", o.tl_retry_count);
  items.add("ch_count", o.ch_count);
}

std::string ram_uri(const Target& target, const RamAddress& ram) {
  const auto& a = target.address;
  Items items('&');
  if (a.id_ext != 0) items.add("id_ext", hex(a.id_ext, 16));
  if (a.ioc_guid != 0) items.add("ioc_guid", hex(a.ioc_guid, 16));
  if (ram.luns != RamAddress{}.luns) items.add("luns", std::to_string(ram.luns));
  if (ram.block_size != RamAddress{}.block_size) items.add("block_size", std::to_string(ram.block_size));
  if (ram.flood != RamFlood::none) items.add("flood", std::string(to_string(ram.flood)));
  add_parameters(items, target);
  return "ram://" + size(ram.size_bytes) + (items.text().empty() ? "" : "?" + items.text());
}

}  // namespace

const char* to_string(RamFlood flood) noexcept {
  switch (flood) {
    case RamFlood::none: return "none";
    case RamFlood::events: return "events";
    case RamFlood::credits: return "credits";
    case RamFlood::attentions: return "attentions";
    case RamFlood::changes: return "changes";
    case RamFlood::logouts: return "logouts";
  }
  return "?";
}

std::string Target::to_uri() const {
  if (const auto* ram = std::get_if<RamAddress>(&address.transport)) return ram_uri(*this, *ram);
  const auto* rdma_cm = std::get_if<RdmaCmAddress>(&address.transport);
  if (!rdma_cm) return to_login_string();
  Items items('&');
  add_target(items, address);
  if (!rdma_cm->source_host.empty()) items.add("src", uri_escaped(bracketed(rdma_cm->source_host)));
  add_parameters(items, *this);
  return "srp://" + uri_escaped(bracketed(rdma_cm->host)) + ":" + std::to_string(rdma_cm->port) + "/?" +
         items.text();
}

std::string Target::to_login_string() const {
  if (const auto* ram = std::get_if<RamAddress>(&address.transport)) return ram_uri(*this, *ram);
  Items items(',');
  add_target(items, address);
  if (const auto* rdma_cm = std::get_if<RdmaCmAddress>(&address.transport)) {
    items.add("dest", bracketed(rdma_cm->host) + ":" + std::to_string(rdma_cm->port));
    if (!rdma_cm->source_host.empty()) items.add("src", bracketed(rdma_cm->source_host));
  } else {
    const auto& ib_cm = std::get<IbCmAddress>(address.transport);
    items.add("dgid", gid(ib_cm.dgid));
    if (ib_cm.sgid) items.add("sgid", gid(*ib_cm.sgid));
    items.add("pkey", hex(ib_cm.pkey, 4));
    items.add("service_id", hex(ib_cm.service_id, 16));
  }
  add_parameters(items, *this);
  return items.text();
}

PortId TargetAddress::target_port_id() const {
  // In SRP revision 10 the GUID comes first.
  return io_class == 0xff00 ? PortId::make(ioc_guid, id_ext) : PortId::make(id_ext, ioc_guid);
}

}  // namespace srpi
