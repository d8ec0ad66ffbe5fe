// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_request.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace srp_nbd {
using srpi::Milliseconds;
using srpi::OptionalMilliseconds;
using srpi::PortId;

namespace {

constexpr std::int64_t kMaxTimerMs = 24 * 3600 * 1000;
constexpr std::int64_t kMaxDeviceIndex = 65535;
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxLuns = 256;
constexpr std::size_t kMaxShownChars = 80;

Failure invalid(std::string_view key, std::string_view expected, const FieldValue& got) {
  struct Shown {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(std::int64_t n) const { return std::to_string(n); }
    std::string operator()(const std::string& s) const {
      return s.size() > kMaxShownChars ? fmt::format("\"{}…\"", s.substr(0, kMaxShownChars))
                                       : fmt::format("\"{}\"", s);
    }
    std::string operator()(const std::vector<std::int64_t>& list) const {
      return fmt::format("{} numbers", list.size());
    }
  };
  return {"invalid_argument",
          fmt::format("{}: expected {}, got {}", key, expected, std::visit(Shown{}, got))};
}

std::optional<std::int64_t> whole_number(const FieldValue& value) {
  if (const auto* n = std::get_if<std::int64_t>(&value)) return *n;
  if (const auto* s = std::get_if<std::string>(&value)) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(s->data(), s->data() + s->size(), n);
    if (error == std::errc{} && end == s->data() + s->size() && !s->empty()) return n;
  }
  return std::nullopt;
}

bool is_off(const FieldValue& value) {
  const auto* s = std::get_if<std::string>(&value);
  return s && *s == "off";
}

Outcome<> set_timer(Milliseconds& timer, std::int64_t least_ms, std::string_view key,
                    const FieldValue& value) {
  const auto n = whole_number(value);
  if (!n || *n < least_ms || *n > kMaxTimerMs)
    return invalid(key, fmt::format("milliseconds from {} to {}", least_ms, kMaxTimerMs), value);
  timer = Milliseconds(*n);
  return {};
}

Outcome<> set_timer(OptionalMilliseconds& timer, std::int64_t least_ms, std::string_view key,
                    const FieldValue& value) {
  if (is_off(value)) {
    timer.reset();
    return {};
  }
  const auto n = whole_number(value);
  if (!n || *n < least_ms || *n > kMaxTimerMs)
    return invalid(key, fmt::format("milliseconds from {} to {}, or off", least_ms, kMaxTimerMs), value);
  timer = Milliseconds(*n);
  return {};
}

using Setter = Outcome<> (*)(SessionRequest&, std::string_view, const FieldValue&);
struct Field {
  std::string_view key;
  Setter set;
};

Outcome<> set_name(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto* s = std::get_if<std::string>(&v);
  if (!s || !is_valid_name(*s)) return invalid(key, "1 to 64 letters, digits or any of - _ . :", v);
  r.name = *s;
  return {};
}

Outcome<> set_target(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto* s = std::get_if<std::string>(&v);
  if (!s) return invalid(key, "srp://HOST:PORT/?id_ext=…&ioc_guid=…, a login string, or ram://SIZE", v);
  auto parsed = srpi::parse_target(*s);
  if (!parsed) return Failure{"invalid_argument", fmt::format("{}: {}", key, parsed.error().message())};
  r.target = std::move(*parsed);
  r.has_target = true;
  return {};
}

Outcome<> set_luns(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto* list = std::get_if<std::vector<std::int64_t>>(&v);
  constexpr std::string_view expected = "a list of up to 256 different LUNs from 0 to 16383";
  if (!list || list->size() > kMaxLuns) return invalid(key, expected, v);
  std::vector<std::uint64_t> luns;
  for (const auto lun : *list) {
    if (lun < 0 || lun > 16383) return invalid(key, expected, FieldValue{lun});
    if (std::find(luns.begin(), luns.end(), static_cast<std::uint64_t>(lun)) != luns.end())
      return invalid(key, expected, FieldValue{fmt::format("{} twice", lun)});
    luns.push_back(static_cast<std::uint64_t>(lun));
  }
  r.options.luns = std::move(luns);
  return {};
}

Outcome<> set_device(SessionRequest& r, std::string_view key, const FieldValue& v) {
  constexpr std::string_view prefix = "/dev/nbd";
  if (const auto* s = std::get_if<std::string>(&v); s && s->starts_with(prefix)) {
    const auto index = whole_number(FieldValue{s->substr(prefix.size())});
    if (index && *index >= 0 && *index <= kMaxDeviceIndex) {
      r.device_index = static_cast<std::uint32_t>(*index);
      return {};
    }
  }
  return invalid(key, "/dev/nbdN", v);
}

Outcome<> set_listen(SessionRequest& r, std::string_view key, const FieldValue& v) {
  constexpr std::string_view prefix = "unix:";
  if (const auto* s = std::get_if<std::string>(&v); s && s->starts_with(prefix)) {
    const auto path = s->substr(prefix.size());
    if (path.starts_with('/') && path.size() <= kMaxSocketPath && path.find('\0') == std::string::npos) {
      r.listen_path = path;
      return {};
    }
  }
  return invalid(key, fmt::format("unix:/PATH, absolute, of at most {} characters", kMaxSocketPath), v);
}

Outcome<> set_initiator_ext(SessionRequest& r, std::string_view key, const FieldValue& v) {
  if (const auto* s = std::get_if<std::string>(&v)) {
    std::string_view digits = *s;
    if (digits.starts_with("0x")) digits.remove_prefix(2);
    std::uint64_t ext = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), ext, 16);
    if (!digits.empty() && error == std::errc{} && end == digits.data() + digits.size()) {
      r.options.initiator_ext = ext;
      return {};
    }
  }
  return invalid(key, "up to 16 hex digits", v);
}

Outcome<> set_initiator_port_id(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto* s = std::get_if<std::string>(&v);
  auto id = s ? PortId::parse(*s) : srpi::Result<PortId>{srpi::Error{srpi::Errc::invalid_argument, ""}};
  if (!id) return invalid(key, "32 hex digits", v);
  r.options.initiator_port_id = *id;
  return {};
}

Outcome<> set_channels(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto n = whole_number(v);
  if (!n || *n < 1 || *n > 16) return invalid(key, "a number of RDMA channels from 1 to 16", v);
  r.options.channels = static_cast<std::uint32_t>(*n);
  return {};
}

Outcome<> set_queue_depth(SessionRequest& r, std::string_view key, const FieldValue& v) {
  const auto n = whole_number(v);
  if (!n || *n < 1 || *n > 4096) return invalid(key, "a number of commands from 1 to 4096", v);
  r.options.queue_depth = static_cast<std::uint32_t>(*n);
  return {};
}

Outcome<> set_switch(bool& setting, std::string_view key, const FieldValue& v) {
  const auto* b = std::get_if<bool>(&v);
  if (!b) return invalid(key, "true or false", v);
  setting = *b;
  return {};
}

Outcome<> set_small(std::uint8_t& setting, std::uint8_t least, std::uint8_t most, std::string_view key,
                    const FieldValue& v) {
  const auto n = whole_number(v);
  if (!n || *n < least || *n > most)
    return invalid(key, fmt::format("a number from {} to {}", least, most), v);
  setting = static_cast<std::uint8_t>(*n);
  return {};
}

constexpr std::array kFields = {
    Field{"target", set_target},
    Field{"name", set_name},
    Field{"luns", set_luns},
    Field{"device", set_device},
    Field{"listen", set_listen},
    Field{"initiator_ext", set_initiator_ext},
    Field{"initiator_port_id", set_initiator_port_id},
    Field{"channels", set_channels},
    Field{"queue_depth", set_queue_depth},
    Field{"wait", [](SessionRequest& r, std::string_view k,
                     const FieldValue& v) { return set_switch(r.wait, k, v); }},
    Field{"fence", [](SessionRequest& r, std::string_view k,
                      const FieldValue& v) { return set_switch(r.options.fence, k, v); }},
    Field{"fence_first_login",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_switch(r.options.fence_first_login, k, v);
          }},
    Field{"retry_count", [](SessionRequest& r, std::string_view k,
                            const FieldValue& v) { return set_small(r.options.retry_count, 0, 6, k, v); }},
    Field{"ack_timeout_exponent",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_small(r.options.ack_timeout_exponent, 1, 31, k, v);
          }},
    Field{"connect_timeout_ms",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_timer(r.options.connect_timeout, 100, k, v);
          }},
    Field{"command_timeout_ms",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_timer(r.options.command_timeout, 100, k, v);
          }},
    Field{"task_management_timeout_ms",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_timer(r.options.task_management_timeout, 100, k, v);
          }},
    Field{"keepalive_ms", [](SessionRequest& r, std::string_view k,
                             const FieldValue& v) { return set_timer(r.options.keepalive, 100, k, v); }},
    Field{"reconnect_delay_ms",
          [](SessionRequest& r, std::string_view k, const FieldValue& v) {
            return set_timer(r.options.reconnect_delay, 10, k, v);
          }},
    Field{"fast_io_fail_ms", [](SessionRequest& r, std::string_view k,
                                const FieldValue& v) { return set_timer(r.options.fast_io_fail, 0, k, v); }},
    Field{"dev_loss_ms", [](SessionRequest& r, std::string_view k,
                            const FieldValue& v) { return set_timer(r.options.dev_loss, 10, k, v); }},
};

}  // namespace

Outcome<> apply_field(SessionRequest& request, std::string_view key, const FieldValue& value) {
  const auto* field =
      std::find_if(kFields.begin(), kFields.end(), [&](const Field& f) { return f.key == key; });
  if (field == kFields.end())
    return Failure{"invalid_argument",
                   fmt::format("unknown key \"{}\": expected one of {}", key.substr(0, kMaxShownChars),
                               fmt::join(field_names(), ", "))};
  return field->set(request, key, value);
}

std::vector<std::string_view> field_names() {
  std::vector<std::string_view> names;
  for (const auto& field : kFields) names.push_back(field.key);
  return names;
}

Outcome<> check_request(SessionRequest& request) {
  if (!request.has_target)
    return Failure{"invalid_argument",
                   "target is missing: expected srp://HOST:PORT/?id_ext=…&ioc_guid=…, a login "
                   "string, or ram://SIZE"};
  if (request.device_index && !request.listen_path.empty())
    return Failure{"invalid_argument",
                   "device and listen exclude each other: give a kernel device or a socket, not both"};
  // A login string has options, too, which win.
  request.options = request.target.overrides.applied_to(request.options);
  if (auto ok = request.options.validate(); !ok) return Failure{ok.error()};
  return {};
}

Outcome<> fill_in_name(SessionRequest& request) {
  constexpr std::string_view mark = "{name}";
  auto path = request.listen_path;
  for (std::size_t at = 0; (at = path.find(mark, at)) != std::string::npos; at += request.name.size())
    path.replace(at, mark.size(), request.name);
  if (path.size() > kMaxSocketPath)
    return Failure{"invalid_argument",
                   fmt::format("listen: {} has more than {} characters", path, kMaxSocketPath)};
  request.listen_path = std::move(path);
  return {};
}

bool is_valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

}  // namespace srp_nbd
