// SPDX-License-Identifier: Apache-2.0
// Collects SessionStatus from the nexus and its channels.
#include <algorithm>

#include "api/session_impl.hpp"

namespace srpi::api {
namespace {

OptionalMilliseconds remaining(base::Time at, base::Time now) {
  if (at == base::kNever) return std::nullopt;
  return std::chrono::ceil<Milliseconds>(std::max(at - now, base::Duration::zero()));
}

}  // namespace

SessionStatus SessionImpl::status() const {
  const auto now = clock_.now();
  const auto& record = nexus_.record();
  const auto& path = record.path;
  const auto& channels = nexus_.channels();
  SessionStatus s;
  s.state = state();
  s.by_administrator = by_administrator_ && s.state != SessionState::erased;
  s.target = target_;
  s.initiator_port_id = record.initiator_port_id;
  s.target_port_id = target_.target_port_id();
  s.device = path.device;
  s.port = path.port;
  s.source = path.source;
  s.destination = path.destination;
  s.source_gid = path.source_gid;
  s.destination_gid = path.destination_gid;
  s.last_error = record.last_error;
  s.channels_wanted = static_cast<std::uint32_t>(channels.all().size());
  s.channels_live = static_cast<std::uint32_t>(channels.live().size());
  s.channel_losses = channels.history.losses;
  s.channel_error = channels.error();
  // Without a live channel: the last values of the first one.
  for (const auto& link : channels.all()) {
    const auto& channel = link->channel;
    const auto& terms = channel.terms();
    s.outstanding += channel.outstanding();
    s.commands += channel.counters().commands;
    s.command_errors += channel.counters().errors;
    s.read_bytes += channel.counters().read_bytes;
    s.written_bytes += channel.counters().written_bytes;
    const bool counts = s.channels_live == 0 ? link->number == 0 : link->is_live();
    if (!counts) continue;
    const bool first = s.request_limit == 0;
    s.request_limit += static_cast<std::uint32_t>(std::max(terms.request_limit, 0));
    s.max_it_iu_bytes = first ? terms.max_it_iu_bytes : std::min(s.max_it_iu_bytes, terms.max_it_iu_bytes);
    s.immediate_data = terms.immediate_data && (first || s.immediate_data);
  }
  s.units_not_taken.assign(proof_.not_taken().begin(), proof_.not_taken().end());
  s.rescan_error = rescan_error_;
  s.connects = record.connects;
  s.losses = record.losses;
  s.last_teardown_duration = record.last_disconnect;
  s.next_attempt_in = remaining(nexus_.timers().retry_at(), now);
  s.fast_io_fail_in = remaining(nexus_.timers().fast_io_fail_at(), now);
  s.dev_loss_in = remaining(nexus_.timers().dev_loss_at(), now);
  return s;
}

}  // namespace srpi::api
