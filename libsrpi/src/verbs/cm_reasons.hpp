// SPDX-License-Identifier: Apache-2.0
// What the connection manager's events mean, in our error codes and in words. Pure.
#pragma once

#include <rdma/rdma_cma.h>

#include <string>

#include "fabric/endpoint.hpp"

namespace srpi::verbs {

// An RDMA_CM_EVENT_REJECTED with its status: the IB CM's reject reason (IBA 12.6.7.2), or of iWARP a negative
// errno. `attempt` leads the error's text: "connect to 10.0.0.2:5555 over rxe0/1".
[[nodiscard]] fabric::ConnectionEvent rejected(const std::string& attempt, int status);
// "invalid service id"; "unknown reason" for what the standard does not list.
[[nodiscard]] const char* reject_reason_text(int reason) noexcept;

// Resolving an address or a route failed; `error` is a positive errno.
[[nodiscard]] Error resolve_error(const std::string& attempt, int error);

// An event that ends a connection that is being made (`established` false) or was made. Its status is a
// negative errno where it has one.
[[nodiscard]] Error loss_error(rdma_cm_event_type, int status, const std::string& attempt, bool established);

}  // namespace srpi::verbs
