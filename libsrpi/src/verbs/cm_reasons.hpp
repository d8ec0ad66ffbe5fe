// SPDX-License-Identifier: Apache-2.0
// Translates the connection manager's events to error codes and texts.
#pragma once

#include <rdma/rdma_cma.h>

#include <string>

#include "fabric/endpoint.hpp"

namespace srpi::verbs {

// For RDMA_CM_EVENT_REJECTED. Its status is the IB CM's reject reason (IBA 12.6.7.2); with iWARP it is a
// negative errno. `attempt` starts the error's text: "connect to 10.0.0.2:5555 over rxe0/1".
[[nodiscard]] fabric::ConnectionEvent rejected(const std::string& attempt, int status);
// "invalid service id"; "unknown reason" for a reason that is not in the standard.
[[nodiscard]] const char* reject_reason_text(int reason) noexcept;

// For a failed resolution of an address or a route; `error` is a positive errno.
[[nodiscard]] Error resolve_error(const std::string& attempt, int error);

// For an event that ends a connection, or the attempt to make one (`established` is false). The status is 0
// or a negative errno.
[[nodiscard]] Error loss_error(rdma_cm_event_type, int status, const std::string& attempt, bool established);

}  // namespace srpi::verbs
