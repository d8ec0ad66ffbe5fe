// SPDX-License-Identifier: Apache-2.0
// The fabric seam over librdmacm (connections) and libibverbs (everything else): InfiniBand, RoCE, iWARP.
//
// Who owns what: the Fabric keeps a list of the devices in use, without owning them. A Device (one verbs
// context and protection domain of our own) lives as long as an endpoint or a memory region uses it. An
// endpoint owns its CM event channel, CM id, queue pair, completion queue and completion channel, until
// abort() or its destructor.
//
// Threads: open() may be called from several threads. Each endpoint belongs to one thread; endpoints of
// different threads may share a device (async_events.hpp tells how its events find their endpoint). Several
// Fabrics may exist; they share no device. Host names are looked up by threads of their own (name_lookup.hpp),
// which nobody ever waits for.
#pragma once

#include <memory>

#include "fabric/endpoint.hpp"

namespace srpi::verbs {

// Always succeeds: whether there is RDMA here, and if not what to do about it, is told by each open() anew,
// so that a device or a module that comes later is found.
[[nodiscard]] std::unique_ptr<fabric::Fabric> make_fabric();

}  // namespace srpi::verbs
