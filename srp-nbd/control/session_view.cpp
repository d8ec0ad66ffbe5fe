// SPDX-License-Identifier: Apache-2.0
#include "control/session_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "control/option.hpp"

namespace srp_nbd {
namespace {

using srpi::SessionState;

OptionalText gid_text(const std::array<std::uint8_t, 16>& bytes) {
  if (std::ranges::all_of(bytes, [](auto b) { return b == 0; })) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    text += fmt::format("{}{:02x}{:02x}", i ? ":" : "", bytes[i], bytes[i + 1]);
  return text;
}

OptionalText ended_by(const srpi::SessionStatus& status) {
  if (status.state == SessionState::recovering) return "fault";
  if (status.state != SessionState::disconnecting && status.state != SessionState::disconnected)
    return std::nullopt;
  return status.by_administrator ? "administrator" : "fault";
}

std::optional<Failure> failure_or_null(const srpi::Error& error) {
  if (error.code == srpi::Errc::ok) return std::nullopt;
  return Failure(error);
}

// The remaining time of a timer is not valid if the values are stale.
std::optional<std::int64_t> left(const srpi::OptionalMilliseconds& timer, bool is_stale) {
  if (!timer || is_stale) return std::nullopt;
  return timer->count();
}

}  // namespace

OptionalText text_or_null(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

UnitView make_unit_view(const srpi::LogicalUnitInfo& info) {
  return {.lun = info.lun,
          .device = {},
          .export_ = {},
          .wwid = text_or_null(info.wwid),
          .serial = text_or_null(info.serial),
          .vendor = info.vendor,
          .product = info.product,
          .revision = info.revision,
          .block_size = info.block_size,
          .physical_block_size = info.physical_block_size,
          .blocks = info.blocks,
          .size_bytes = info.blocks * info.block_size,
          .read_only = info.read_only,
          .write_cache = info.write_cache,
          .unmap = info.can_unmap,
          .write_zeroes = info.can_write_zeroes,
          .rotational = info.rotational,
          .away = failure_or_null(info.away)};
}

SessionView make_session_view(std::string name, const srpi::Target& target, const srpi::SessionStatus& status,
                              const srpi::SessionOptions& options, bool is_stale) {
  const auto& ours = status.initiator_port_id;
  return {.name = std::move(name),
          .state = srpi::to_string(status.state),
          .by = ended_by(status),
          .stale = is_stale,
          .target = target.to_uri(),
          .hca = text_or_null(status.device),
          .port = status.port ? std::optional<std::uint32_t>(status.port) : std::nullopt,
          .source = text_or_null(status.source),
          .destination = text_or_null(status.destination),
          .source_gid = gid_text(status.source_gid),
          .destination_gid = gid_text(status.destination_gid),
          .initiator_port_id = ours.is_zero() ? std::nullopt : text_or_null(ours.to_string()),
          .target_port_id = status.target_port_id.to_string(),
          .luns = {},
          .timers = {left(status.next_attempt_in, is_stale), left(status.fast_io_fail_in, is_stale),
                     left(status.dev_loss_in, is_stale)},
          .options = settings_of(options),
          .channels = {status.channels_wanted, status.channels_live, status.channel_losses,
                       failure_or_null(status.channel_error)},
          .last_error = failure_or_null(status.last_error),
          .negotiated = {status.request_limit, status.max_it_iu_bytes, status.immediate_data},
          .counters = status,
          .last_disconnect_us = static_cast<double>(status.last_teardown_duration.count()) / 1000.0};
}

}  // namespace srp_nbd
