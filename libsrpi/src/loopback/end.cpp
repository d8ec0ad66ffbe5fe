// SPDX-License-Identifier: Apache-2.0
#include "loopback/end.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "loopback/network.hpp"

namespace srpi::loopback {

using Kind = fabric::ConnectionEvent::Kind;

End::End(Network& n, std::shared_ptr<Device> d, ConnectionNumber c, bool is_active, std::string peer_name)
    : network(n),
      device(std::move(d)),
      connection(c),
      active(is_active),
      stage(is_active ? Stage::resolving : Stage::offered),
      queue_pair(n.ready_, n.scheduler_, device, c, is_active) {
  path.device = device->name();
  path.port = 1;
  path.source_gid = {0xfe, 0x80};
  path.source_gid[15] = static_cast<std::uint8_t>(device->number());
  path.source = device->name();
  path.destination = std::move(peer_name);
  network.add(*this);
}

End::~End() {
  abort();
  network.ends_.erase({connection, active});
}

Result<> End::connect(std::span<const std::byte> private_data) {
  if (stage != Stage::resolved || queue_pair.state() != QueuePair::State::created)
    return Error{Errc::wrong_state,
                 "connect is permitted once, after the event `resolved` and create_queues"};
  const std::size_t room = compact_login ? kCompactRequestBytes : kRequestBytes;
  if (private_data.size() > room)
    return Error{Errc::invalid_argument,
                 fmt::format("{} bytes of private data; a connection request has room for {}",
                             private_data.size(), room)};
  stage = Stage::requesting;
  network.send(Delivery::Kind::request, *this, false, private_data);
  return {};
}

Result<> End::accept(std::span<const std::byte> private_data) {
  if (stage != Stage::offered || queue_pair.state() != QueuePair::State::created)
    return Error{Errc::wrong_state,
                 "accept is permitted once, after create_queues, while the initiator waits"};
  if (private_data.size() > kReplyBytes)
    return Error{Errc::invalid_argument, fmt::format("{} bytes of private data; a reply has room for {}",
                                                     private_data.size(), kReplyBytes)};
  if (End* peer = network.find_end(connection, !active); peer && peer->stage == Stage::requesting) {
    queue_pair.set_peer(&peer->queue_pair);
    peer->queue_pair.set_peer(&queue_pair);
  }
  queue_pair.become_ready();
  stage = Stage::replied;
  network.send(Delivery::Kind::reply, *this, true, private_data);
  return {};
}

void End::reject(std::span<const std::byte> private_data) noexcept {
  if (stage != Stage::offered) return;
  stage = Stage::ended;
  aborted_ = true;
  queue_pair.destroy();
  network.send(Delivery::Kind::reject, *this, true,
               private_data.first(std::min(private_data.size(), kRejectBytes)));
}

void End::abort() noexcept {
  queue_pair.destroy();
  events_.clear();
  if (!aborted_ && network.find_end(connection, !active))
    network.send(Delivery::Kind::disconnect, *this, !active);
  aborted_ = true;
  stage = Stage::ended;
}

std::optional<fabric::ConnectionEvent> End::next_event() {
  if (queue_pair.violation() && stage == Stage::established)
    end(Kind::disconnected, Error{Errc::protocol_error,
                                  fmt::format("the peer's request was refused: {}", queue_pair.violation())});
  if (events_.empty()) return std::nullopt;
  auto event = events_.front();
  events_.pop_front();
  return event;
}

void End::raise(Kind kind, Error error, std::span<const std::byte> private_data, std::size_t padded_bytes) {
  auto& event = events_.emplace_back();
  event.kind = kind;
  event.error = std::move(error);
  std::copy(private_data.begin(), private_data.end(), event.private_data.begin());
  event.private_data_bytes = std::max(private_data.size(), padded_bytes);
}

void End::end(Kind kind, Error error) {
  stage = Stage::ended;
  queue_pair.fail();
  raise(kind, std::move(error));
}

void End::on_resolved(bool reachable) {
  if (stage != Stage::resolving) return;
  if (!reachable) return on_unreachable();
  stage = Stage::resolved;
  raise(Kind::resolved);
}

void End::on_unreachable() {
  end(Kind::failed, Error{Errc::unreachable, fmt::format("no route to {}", service)});
}

void End::on_reply(std::span<const std::byte> private_data) {
  if (stage != Stage::requesting) return;
  stage = Stage::established;
  queue_pair.become_ready();
  raise(Kind::established, {}, private_data, kReplyBytes);
  network.send(Delivery::Kind::ready_to_use, *this, false);
}

void End::on_rejected(std::span<const std::byte> private_data, bool consumer, bool stale, Error error) {
  if (stage != Stage::requesting) return;
  stage = Stage::ended;
  queue_pair.fail();
  raise(Kind::rejected, std::move(error), private_data, consumer ? kRejectBytes : 0);
  events_.back().consumer = consumer;
  events_.back().stale = stale;
}

void End::on_ready_to_use() {
  if (stage != Stage::replied) return;
  stage = Stage::established;
  raise(Kind::established);
}

void End::on_peer_gone() {
  switch (stage) {
    case Stage::resolving:
    case Stage::resolved:
    case Stage::ended: return;
    case Stage::requesting:
      return on_rejected({}, false, false,
                         Error{Errc::refused, "the listener dropped the connection request"});
    case Stage::offered:
    case Stage::replied:
      return end(Kind::failed, Error{Errc::no_connect, "the initiator gave up connecting"});
    case Stage::established: return end(Kind::disconnected, Error{Errc::no_connect, "the peer disconnected"});
  }
}

void End::on_device_removed() {
  if (stage == Stage::ended) return;
  end(stage == Stage::established ? Kind::disconnected : Kind::failed,
      Error{Errc::device_removed, fmt::format("{} was removed", device->name())});
}

}  // namespace srpi::loopback
