// SPDX-License-Identifier: Apache-2.0
#include "daemon/event.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <boost/json/value.hpp>

namespace srp_nbd {
namespace {

namespace json = boost::json;

json::value state_or_null(const std::optional<srpi::SessionState>& state) {
  return state ? json::value(srpi::to_string(*state)) : json::value(nullptr);
}

}  // namespace

const char* to_string(EventKind kind) noexcept {
  switch (kind) {
    case EventKind::present:
      return "present";
    case EventKind::added:
      return "added";
    case EventKind::state:
      return "state";
    case EventKind::attempt_failed:
      return "attempt_failed";
    case EventKind::unit_found:
      return "unit_found";
    case EventKind::unit_resized:
      return "unit_resized";
    case EventKind::unit_away:
      return "unit_away";
    case EventKind::unit_back:
      return "unit_back";
    case EventKind::unit_event:
      return "unit_event";
    case EventKind::published:
      return "published";
    case EventKind::publish_failed:
      return "publish_failed";
    case EventKind::device_lost:
      return "device_lost";
    case EventKind::erased:
      return "erased";
  }
  return "unknown";
}

std::string iso_time(Event::Time time) {
  using namespace std::chrono;
  const auto since_epoch = floor<milliseconds>(time.time_since_epoch());
  const auto whole = floor<seconds>(since_epoch);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(static_cast<std::time_t>(whole.count())),
                     (since_epoch - whole).count());
}

json::object to_json(const Event& event) {
  json::object object{
      {"time", iso_time(event.time)},      {"session", event.session},      {"kind", to_string(event.kind)},
      {"from", state_or_null(event.from)}, {"to", state_or_null(event.to)}, {"cause", nullptr},
  };
  if (event.cause) object["cause"] = {{"code", event.cause->code}, {"message", event.cause->message}};
  if (event.unit) {
    const auto& info = event.unit->info;
    object["lun"] = info.lun;
    object["device"] = text_or_null(event.unit->device);
    object["export"] = text_or_null(event.unit->uri);
    object["wwid"] = text_or_null(info.wwid);
    object["size_bytes"] = info.blocks * info.block_size;
  }
  if (event.reported) {
    object["event"] = srpi::to_string(*event.reported);
    if (!event.unit) object["lun"] = nullptr;
  }
  if (event.old_size_bytes) object["old_size_bytes"] = *event.old_size_bytes;
  return object;
}

}  // namespace srp_nbd
