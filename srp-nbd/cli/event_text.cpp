// SPDX-License-Identifier: Apache-2.0
#include "cli/event_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/value.hpp>

#include "cli/json_fields.hpp"
#include "cli/session_text.hpp"

namespace srp_nbd {
namespace {

std::string unit_text(const boost::json::object& event) {
  auto result = fmt::format("lun {}", number_at(event, "lun"));
  if (const auto device = text_at(event, "device"); !device.empty()) result += fmt::format(" ({})", device);
  return result;
}

std::string what(const boost::json::object& event) {
  const auto kind = text_at(event, "kind");
  const auto size = size_text(number_at(event, "size_bytes"));
  if (kind == "present") return "is " + text_at(event, "to");
  if (kind == "added") return "added";
  if (kind == "state") return text_at(event, "from") + " -> " + text_at(event, "to");
  if (kind == "attempt_failed") return "attempt to connect failed";
  if (kind == "unit_found")
    return fmt::format("lun {} found, {}  {}", number_at(event, "lun"), size, text_at(event, "wwid"));
  if (kind == "unit_resized")
    return fmt::format("{} resized, {} -> {}", unit_text(event),
                       size_text(number_at(event, "old_size_bytes")), size);
  if (kind == "unit_away") return unit_text(event) + " is away";
  if (kind == "unit_back") return unit_text(event) + " is back";
  if (kind == "unit_event") {
    auto words = text_at(event, "event");
    std::ranges::replace(words, '_', ' ');
    const auto* lun = event.if_contains("lun");
    return fmt::format("{}: the target reports: {}",
                       lun && lun->is_number() ? unit_text(event) : "a unit that is not in use", words);
  }
  if (kind == "published") {
    const auto device = text_at(event, "device");
    return fmt::format("lun {} published, {}", number_at(event, "lun"),
                       device.empty() ? text_at(event, "export") : device);
  }
  if (kind == "publish_failed") return "not published";
  if (kind == "device_lost") return fmt::format("{} lost", unit_text(event));
  if (kind == "lost")
    return fmt::format("{} events lost: they came faster than they were taken", number_at(event, "lost"));
  return kind;  // erased, and what a newer daemon may know
}

}  // namespace

std::string event_text(const boost::json::object& event) {
  const auto session = text_at(event, "session");
  auto result =
      fmt::format("{}  {}  {}", text_at(event, "time"), session.empty() ? "*" : session, what(event));
  if (const auto message = text_at(object_at(event, "cause"), "message"); !message.empty())
    result += ": " + message;
  return result;
}

}  // namespace srp_nbd
