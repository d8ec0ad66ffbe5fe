// SPDX-License-Identifier: Apache-2.0
// The connection manager's messages. They pass from one end to the other through the network's queue.
#include <algorithm>
#include <span>

#include "loopback/endpoints.hpp"
#include "loopback/network.hpp"

namespace srpi::loopback {

const char* to_string(Delivery::Kind kind) noexcept {
  switch (kind) {
    case Delivery::Kind::send: return "send";
    case Delivery::Kind::rdma_read: return "rdma_read";
    case Delivery::Kind::rdma_write: return "rdma_write";
    case Delivery::Kind::resolve: return "resolve";
    case Delivery::Kind::request: return "request";
    case Delivery::Kind::reply: return "reply";
    case Delivery::Kind::reject: return "reject";
    case Delivery::Kind::ready_to_use: return "ready_to_use";
    case Delivery::Kind::disconnect: return "disconnect";
  }
  return "unknown delivery";
}

void Network::send(Delivery::Kind kind, End& from, bool to_active,
                   std::span<const std::byte> private_data) noexcept {
  Message message{.kind = kind, .connection = from.connection, .to_active = to_active};
  std::copy(private_data.begin(), private_data.end(), message.private_data.begin());
  message.private_data_bytes = private_data.size();
  if (scheduler_) {
    message.verdict = scheduler_->judge({.kind = kind,
                                         .connection = from.connection,
                                         .from_active = from.active,
                                         .work_id = 0,
                                         .bytes = private_data.size()});
    if (message.verdict.fault == Verdict::Fault::lost) return;
    message.due = from.last_control_due =
        std::max(from.last_control_due, scheduler_->now() + message.verdict.delay);
  }
  messages_.push_back(message);
}

void Network::deliver(const Message& message) {
  // The receiving end of a request does not exist yet, so the sending end decides.
  const bool is_request = message.kind == Delivery::Kind::request;
  End* end = find_end(message.connection, is_request || message.to_active);
  if (!end) return;
  const auto private_data = std::span(message.private_data).first(message.private_data_bytes);
  switch (message.kind) {
    case Delivery::Kind::resolve:
      return end->on_resolved(message.verdict.fault != Verdict::Fault::unreachable);
    case Delivery::Kind::request: return deliver_request(*end, message);
    case Delivery::Kind::reply: return end->on_reply(private_data);
    case Delivery::Kind::reject:
      return end->on_rejected(private_data, true, false,
                              Error{Errc::login_rejected, "the listener rejected the connection request"});
    case Delivery::Kind::ready_to_use: return end->on_ready_to_use();
    case Delivery::Kind::disconnect: return end->on_peer_gone();
    case Delivery::Kind::send:
    case Delivery::Kind::rdma_read:
    case Delivery::Kind::rdma_write: return;
  }
}

void Network::deliver_request(End& active, const Message& message) {
  if (active.stage != End::Stage::requesting) return;
  if (message.verdict.fault == Verdict::Fault::unreachable) return active.on_unreachable();
  if (message.verdict.fault == Verdict::Fault::reject_stale)
    return active.on_rejected({}, false, true,
                              Error{Errc::refused, "the peer still holds an old connection"});
  const auto listener = listeners_.find(active.service);
  if (listener == listeners_.end() || listener->second.device->gone())
    return active.on_rejected({}, false, false, Error{Errc::refused, "nothing listens at " + active.service});

  auto endpoint = std::make_unique<PassiveEndpoint>(*this, listener->second.device, active.connection, false,
                                                    active.path.source);
  End& passive = endpoint->end();
  passive.request.assign(
      message.private_data.begin(),
      message.private_data.begin() + (active.compact_login ? kCompactRequestBytes : kRequestBytes));
  passive.service = active.service;
  passive.path.destination_gid = active.path.source_gid;
  active.path.destination_gid = passive.path.source_gid;
  passive.queue_pair.set_rnr_retry_count(active.options.rnr_retry_count);
  listener->second.acceptor->on_connection_request(std::move(endpoint));
}

}  // namespace srpi::loopback
