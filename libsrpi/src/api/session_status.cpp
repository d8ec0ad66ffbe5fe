// SPDX-License-Identifier: Apache-2.0
// Where a session stands, gathered from its nexus and channels.
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
  const auto& path = nexus_.path();
  SessionStatus s;
  s.state = state();
  s.by_administrator = nexus_.state() == session::State::disconnecting ||
                       (nexus_.state() == session::State::stopped && nexus_.last_error().code == Errc::ok);
  s.target = target_;
  s.initiator_port_id = nexus_.initiator_port_id();
  s.target_port_id = target_.target_port_id();
  s.device = path.device;
  s.port = path.port;
  s.source = path.source;
  s.destination = path.destination;
  s.source_gid = path.source_gid;
  s.destination_gid = path.destination_gid;
  s.last_error = nexus_.last_error();
  s.channels_wanted = nexus_.channels_wanted();
  s.channels_live = nexus_.channels_live();
  s.channel_losses = nexus_.channel_history().losses;
  s.channel_error = nexus_.channel_error();
  // Of a session without a live channel: what its first one had last.
  for (std::uint32_t i = 0; i < nexus_.channels_wanted(); ++i) {
    const auto& channel = nexus_.channel(i);
    const auto& terms = channel.terms();
    s.outstanding += channel.outstanding();
    s.commands += channel.counters().commands;
    s.command_errors += channel.counters().errors;
    s.read_bytes += channel.counters().read_bytes;
    s.written_bytes += channel.counters().written_bytes;
    const bool counts = s.channels_live == 0 ? i == 0 : nexus_.is_live(i);
    if (!counts) continue;
    const bool first = s.request_limit == 0;
    s.request_limit += static_cast<std::uint32_t>(std::max(terms.request_limit, 0));
    s.max_it_iu_bytes = first ? terms.max_it_iu_bytes : std::min(s.max_it_iu_bytes, terms.max_it_iu_bytes);
    s.immediate_data = terms.immediate_data && (first || s.immediate_data);
  }
  s.connects = nexus_.connects();
  s.losses = nexus_.losses();
  s.last_disconnect = nexus_.last_disconnect();
  s.next_attempt_in = remaining(nexus_.retry_at(), now);
  s.fast_io_fail_in = remaining(nexus_.fast_io_fail_at(), now);
  s.dev_loss_in = remaining(nexus_.dev_loss_at(), now);
  return s;
}

}  // namespace srpi::api
