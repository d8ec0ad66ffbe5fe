// SPDX-License-Identifier: Apache-2.0
// A CM id on its own event channel, whose reads do not block.
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

// A copy of an event. The event itself is acknowledged at once, so nothing waits for that.
struct CmEvent {
  rdma_cm_event_type type = RDMA_CM_EVENT_ADDR_ERROR;
  int status = 0;
  std::array<std::byte, 256> private_data{};
  std::size_t private_data_bytes = 0;
};

// Moves a queue pair to INIT, RTR or RTS. Returns 0 or an errno.
[[nodiscard]] int move_queue_pair(rdma_cm_id*, ibv_qp*, ibv_qp_state) noexcept;

class ConnectionManager {
 public:
  // Errors: no_device, permission_denied, no_memory; the text says what to do.
  [[nodiscard]] static Result<ConnectionManager> open(rdma_port_space);
  ConnectionManager(ConnectionManager&&) = default;
  ConnectionManager& operator=(ConnectionManager&&) = delete;  // it would close the channel before the id

  [[nodiscard]] int fd() const noexcept { return channel_->fd; }  // stays the same after renew_id()
  [[nodiscard]] rdma_cm_id* id() const noexcept { return id_.get(); }

  // Replaces the id, for another attempt after a failed resolution. The descriptor stays the same. No event
  // of the old id comes any more. Errors: as open().
  [[nodiscard]] Result<> renew_id();

  // These return 0 or an errno at once. An event reports the result.
  [[nodiscard]] int resolve_address(Route&, int timeout_ms) noexcept;
  [[nodiscard]] int resolve_route(int timeout_ms) noexcept;
  [[nodiscard]] int connect(std::span<const std::byte> private_data, const fabric::ConnectOptions&,
                            std::uint8_t responder_resources, std::uint32_t qp_number) noexcept;
  // These are complete when they return: 0 or an errno.
  void set_ack_timeout(std::uint8_t exponent) noexcept;
  [[nodiscard]] int prepare_queue_pair(ibv_qp*) noexcept;  // to INIT: receives may be posted
  [[nodiscard]] int establish(ibv_qp*) noexcept;           // to RTR and RTS, and tell the peer
  void disconnect() noexcept;                              // sends the request or the reply; does not wait

  [[nodiscard]] std::optional<CmEvent> next_event() noexcept;

 private:
  ConnectionManager(CmChannelHandle channel, CmIdHandle id) noexcept
      : channel_(std::move(channel)), id_(std::move(id)) {}

  CmChannelHandle channel_;
  CmIdHandle id_;
};

}  // namespace srpi::verbs
