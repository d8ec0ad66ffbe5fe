// SPDX-License-Identifier: Apache-2.0
// One CM id at a time, on an event channel of its own, whose reads never block.
#pragma once

#include <rdma/rdma_cma.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "fabric/endpoint.hpp"
#include "verbs/address.hpp"
#include "verbs/handles.hpp"

namespace srpi::verbs {

// An event, copied out: librdmacm has it back by then, so that nothing has to wait for it.
struct CmEvent {
  rdma_cm_event_type type = RDMA_CM_EVENT_ADDR_ERROR;
  int status = 0;
  std::array<std::byte, 256> private_data{};
  std::size_t private_data_bytes = 0;
};

// One step of a queue pair that librdmacm knows nothing of (cm.cpp) to INIT, RTR or RTS. Returns 0 or an errno.
[[nodiscard]] int move_queue_pair(rdma_cm_id*, ibv_qp*, ibv_qp_state) noexcept;

class ConnectionManager {
 public:
  // Errors: no_device, permission_denied, no_memory, with what to do about it.
  [[nodiscard]] static Result<ConnectionManager> open(rdma_port_space);
  ConnectionManager(ConnectionManager&&) = default;
  ConnectionManager& operator=(ConnectionManager&&) = delete;  // would close the channel before its id

  [[nodiscard]] int fd() const noexcept { return channel_->fd; }  // constant, also over renew_id()
  [[nodiscard]] rdma_cm_id* id() const noexcept { return id_.get(); }

  // For another attempt, after one that did not resolve: who sleeps on the descriptor need not know. Of the
  // id before, no event comes any more. Errors: as open.
  [[nodiscard]] Result<> renew_id();

  // These return 0 or an errno, and go on in the background: an event tells the end.
  [[nodiscard]] int resolve_address(Route&, int timeout_ms) noexcept;
  [[nodiscard]] int resolve_route(int timeout_ms) noexcept;
  [[nodiscard]] int connect(std::span<const std::byte> private_data, const fabric::ConnectOptions&,
                            std::uint8_t responder_resources, std::uint32_t qp_number) noexcept;
  // These are done when they return; 0 or an errno.
  void set_ack_timeout(std::uint8_t exponent) noexcept;
  [[nodiscard]] int prepare_queue_pair(ibv_qp*) noexcept;  // to INIT: receives may be posted
  [[nodiscard]] int establish(ibv_qp*) noexcept;           // to RTR and RTS, and tell the peer
  void disconnect() noexcept;  // sends the request or the reply, waits for nothing

  [[nodiscard]] std::optional<CmEvent> next_event() noexcept;

 private:
  ConnectionManager(CmChannelHandle channel, CmIdHandle id) noexcept
      : channel_(std::move(channel)), id_(std::move(id)) {}

  CmChannelHandle channel_;
  CmIdHandle id_;
};

}  // namespace srpi::verbs
