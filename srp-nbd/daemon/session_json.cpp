// SPDX-License-Identifier: Apache-2.0
#include "daemon/session_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

namespace srp_nbd {
namespace {

namespace json = boost::json;

json::value gid(const std::array<std::uint8_t, 16>& bytes) {
  if (std::all_of(bytes.begin(), bytes.end(), [](auto b) { return b == 0; })) return nullptr;
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    text += fmt::format("{}{:02x}{:02x}", i ? ":" : "", bytes[i], bytes[i + 1]);
  return json::value(text);
}

json::value remaining(const srpi::OptionalMilliseconds& timer) {
  return timer ? json::value(timer->count()) : json::value(nullptr);
}

json::value setting(const srpi::OptionalMilliseconds& timer) {
  return timer ? json::value(timer->count()) : json::value("off");
}

json::value by(const srpi::SessionStatus& status) {
  switch (status.state) {
    case srpi::SessionState::recovering:
      return "fault";
    case srpi::SessionState::disconnecting:
    case srpi::SessionState::disconnected:
      return status.by_administrator ? "administrator" : "fault";
    default:
      return nullptr;
  }
}

json::value error_or_null(const srpi::Error& error) {
  if (error.code == srpi::Errc::ok) return nullptr;
  const Failure failure(error);
  return json::object{{"code", failure.code}, {"message", failure.message}};
}

json::object channels(const srpi::SessionStatus& status) {
  return {{"wanted", status.channels_wanted},
          {"live", status.channels_live},
          {"lost", status.channel_losses},
          {"error", error_or_null(status.channel_error)}};
}

json::value error(const SessionView& view) {
  if (view.status.last_error.code != srpi::Errc::ok) return error_or_null(view.status.last_error);
  if (view.publish_failure)
    return json::object{{"code", view.publish_failure->code}, {"message", view.publish_failure->message}};
  return nullptr;
}

}  // namespace

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object to_json(const PublishedUnit& unit) {
  const auto& info = unit.info;
  return {
      {"lun", info.lun},
      {"device", text_or_null(unit.device)},
      {"export", text_or_null(unit.uri)},
      {"wwid", text_or_null(info.wwid)},
      {"serial", text_or_null(info.serial)},
      {"vendor", info.vendor},
      {"product", info.product},
      {"revision", info.revision},
      {"block_size", info.block_size},
      {"physical_block_size", info.physical_block_size},
      {"blocks", info.blocks},
      {"size_bytes", info.blocks * info.block_size},
      {"read_only", info.read_only},
      {"write_cache", info.write_cache},
      {"unmap", info.can_unmap},
      {"write_zeroes", info.can_write_zeroes},
      {"rotational", info.rotational},
      {"away", error_or_null(info.away)},
  };
}

json::object to_json(const SessionView& view) {
  const auto& status = view.status;
  const auto& options = view.options;
  const auto& ours = status.initiator_port_id;
  json::array units;
  for (const auto& unit : view.units) units.push_back(to_json(unit));
  return {
      {"name", view.name},
      {"state", srpi::to_string(status.state)},
      {"by", by(status)},
      {"stale", view.is_stale},
      {"target", view.target.to_uri()},
      {"hca", text_or_null(status.device)},
      {"port", status.port ? json::value(status.port) : json::value(nullptr)},
      {"source", text_or_null(status.source)},
      {"destination", text_or_null(status.destination)},
      {"source_gid", gid(status.source_gid)},
      {"destination_gid", gid(status.destination_gid)},
      {"initiator_port_id", text_or_null(ours.is_zero() ? "" : ours.to_string())},
      {"target_port_id", status.target_port_id.to_string()},
      {"luns", std::move(units)},
      {"timers", json::object{{"next_attempt_ms", remaining(status.next_attempt_in)},
                              {"fast_io_fail_ms", remaining(status.fast_io_fail_in)},
                              {"dev_loss_ms", remaining(status.dev_loss_in)}}},
      {"options", json::object{{"connect_timeout_ms", options.connect_timeout.count()},
                               {"command_timeout_ms", options.command_timeout.count()},
                               {"task_management_timeout_ms", options.task_management_timeout.count()},
                               {"keepalive_ms", setting(options.keepalive)},
                               {"reconnect_delay_ms", setting(options.reconnect_delay)},
                               {"fast_io_fail_ms", options.fast_io_fail.count()},
                               {"dev_loss_ms", setting(options.dev_loss)},
                               {"channels", options.channels},
                               {"queue_depth", options.queue_depth},
                               {"fence", options.fence},
                               {"fence_first_login", options.fence_first_login},
                               {"retry_count", options.retry_count},
                               {"ack_timeout_exponent", options.ack_timeout_exponent}}},
      {"channels", channels(status)},
      {"last_error", error(view)},
      {"negotiated", json::object{{"request_limit", status.request_limit},
                                  {"max_it_iu_bytes", status.max_it_iu_bytes},
                                  {"immediate_data", status.immediate_data}}},
      {"counters", json::object{{"connects", status.connects},
                                {"losses", status.losses},
                                {"commands", status.commands},
                                {"command_errors", status.command_errors},
                                {"outstanding", status.outstanding},
                                {"read_bytes", status.read_bytes},
                                {"written_bytes", status.written_bytes}}},
      {"last_disconnect_us", static_cast<double>(status.last_teardown_duration.count()) / 1000.0},
  };
}

json::object to_json(const Failure& failure) {
  return {{"ok", false}, {"error", json::object{{"code", failure.code}, {"message", failure.message}}}};
}

}  // namespace srp_nbd
