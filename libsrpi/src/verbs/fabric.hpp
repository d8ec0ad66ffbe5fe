// SPDX-License-Identifier: Apache-2.0
// The fabric interfaces over librdmacm (connections) and libibverbs (everything else): InfiniBand, RoCE,
// iWARP.
//
// Ownership: the Fabric has a list of the devices in use, but does not own them. A Device (our verbs context
// and protection domain) lives as long as an endpoint or a memory region uses it. An endpoint owns its CM
// event channel, CM id, queue pair, completion queue and completion channel until abort() or its destructor.
//
// Threads: open() may be called from several threads. Each endpoint belongs to one thread. Endpoints of
// different threads may share a device; async_events.hpp delivers its events to them. Several Fabrics may
// exist; they share no device. Every look-up of a host name has a thread of its own (name_lookup.hpp). No
// other thread waits for it.
#pragma once

#include <memory>

#include "fabric/endpoint.hpp"

namespace srpi::verbs {

// Always succeeds. Each open() checks anew whether there is RDMA and, if not, its error says what to do. So a
// device or a module that is added later is found.
[[nodiscard]] std::unique_ptr<fabric::Fabric> make_fabric();

}  // namespace srpi::verbs
