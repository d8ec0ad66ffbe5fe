// SPDX-License-Identifier: Apache-2.0
//
// The queue pair belongs to our own verbs context (device.hpp), which librdmacm does not know. So id->qp
// stays null, and we change the queue pair's states with the attributes that librdmacm computes. librdmacm
// then reports the peer's reply as CONNECT_RESPONSE, and rdma_establish() sends the last message of the
// handshake.
#include "verbs/cm.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "verbs/availability.hpp"

namespace srpi::verbs {
namespace {

// How long a peer waits before it sends again when we have no receive posted: 0.64 ms (IBA table 45). The
// default, 0, means 655 ms.
constexpr std::uint8_t kReceiverNotReadyTimer = 12;

constexpr char kOpen[] = "open the RDMA connection manager";

int errno_of(int result) noexcept { return result == 0 ? 0 : errno; }

Result<CmIdHandle> make_id(rdma_event_channel* channel, rdma_port_space port_space) {
  rdma_cm_id* id = nullptr;
  if (rdma_create_id(channel, &id, nullptr, port_space) != 0) return explain_unavailable(kOpen, errno);
  return CmIdHandle(id);
}

const rdma_conn_param* connection_parameters(const rdma_cm_event& event) noexcept {
  switch (event.event) {
    case RDMA_CM_EVENT_CONNECT_RESPONSE:
    case RDMA_CM_EVENT_ESTABLISHED:
    case RDMA_CM_EVENT_REJECTED: return &event.param.conn;
    default: return nullptr;
  }
}

}  // namespace

int move_queue_pair(rdma_cm_id* id, ibv_qp* qp, ibv_qp_state state) noexcept {
  ibv_qp_attr attributes{};
  int mask = 0;
  attributes.qp_state = state;
  if (rdma_init_qp_attr(id, &attributes, &mask) != 0) return errno;
  if (state == IBV_QPS_INIT) {
    // Before the connection request, librdmacm does not know yet what the peer is permitted to do.
    attributes.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE;
    mask |= IBV_QP_ACCESS_FLAGS;
  }
  if ((mask & IBV_QP_MIN_RNR_TIMER) != 0) attributes.min_rnr_timer = kReceiverNotReadyTimer;
  return ibv_modify_qp(qp, &attributes, mask);
}

Result<ConnectionManager> ConnectionManager::open(rdma_port_space port_space) {
  errno = 0;
  CmChannelHandle channel(rdma_create_event_channel());
  if (!channel) return explain_unavailable(kOpen, errno);
  if (const int error = set_nonblocking(channel->fd); error != 0) return explain_unavailable(kOpen, error);
  auto id = make_id(channel.get(), port_space);
  if (!id) return id.error();
  return ConnectionManager(std::move(channel), std::move(*id));
}

Result<> ConnectionManager::renew_id() {
  auto id = make_id(channel_.get(), id_->ps);
  if (!id) return id.error();
  id_ = std::move(*id);  // the old id's unread events are dropped with it
  return {};
}

int ConnectionManager::resolve_address(Route& route, int timeout_ms) noexcept {
  return errno_of(rdma_resolve_addr(id(), route.source ? route.source->get() : nullptr,
                                    route.destination.get(), timeout_ms));
}

int ConnectionManager::resolve_route(int timeout_ms) noexcept {
  return errno_of(rdma_resolve_route(id(), timeout_ms));
}

void ConnectionManager::set_ack_timeout(std::uint8_t exponent) noexcept {
  // Kernels before 5.3 lack this option. The connection then works, but notices a dead peer later.
  static_cast<void>(
      rdma_set_option(id(), RDMA_OPTION_ID, RDMA_OPTION_ID_ACK_TIMEOUT, &exponent, sizeof exponent));
}

int ConnectionManager::prepare_queue_pair(ibv_qp* qp) noexcept {
  return move_queue_pair(id(), qp, IBV_QPS_INIT);
}

int ConnectionManager::connect(std::span<const std::byte> private_data, const fabric::ConnectOptions& options,
                               std::uint8_t responder_resources, std::uint32_t qp_number) noexcept {
  rdma_conn_param parameters{};
  parameters.private_data = private_data.data();
  parameters.private_data_len = static_cast<std::uint8_t>(private_data.size());
  parameters.responder_resources = responder_resources;
  parameters.initiator_depth = 0;  // an SRP initiator issues no RDMA READs
  parameters.flow_control = 1;
  parameters.retry_count = options.retry_count;
  parameters.rnr_retry_count = options.rnr_retry_count;
  parameters.qp_num = qp_number;
  return errno_of(rdma_connect(id(), &parameters));
}

int ConnectionManager::establish(ibv_qp* qp) noexcept {
  if (const int error = move_queue_pair(id(), qp, IBV_QPS_RTR); error != 0) return error;
  if (const int error = move_queue_pair(id(), qp, IBV_QPS_RTS); error != 0) return error;
  return errno_of(rdma_establish(id()));
}

void ConnectionManager::disconnect() noexcept { static_cast<void>(rdma_disconnect(id())); }

std::optional<CmEvent> ConnectionManager::next_event() noexcept {
  rdma_cm_event* event = nullptr;
  for (;;) {
    if (rdma_get_cm_event(channel_.get(), &event) != 0) return std::nullopt;
    if (event->id == id()) break;
    rdma_ack_cm_event(event);  // of an id that is not in use any more
  }
  CmEvent copy;
  copy.type = event->event;
  copy.status = event->status;
  if (const auto* parameters = connection_parameters(*event);
      parameters != nullptr && parameters->private_data) {
    copy.private_data_bytes = std::min<std::size_t>(parameters->private_data_len, copy.private_data.size());
    std::memcpy(copy.private_data.data(), parameters->private_data, copy.private_data_bytes);
  }
  rdma_ack_cm_event(event);  // destroying the id waits for the acknowledgement
  return copy;
}

}  // namespace srpi::verbs
