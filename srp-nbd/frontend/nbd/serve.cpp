// SPDX-License-Identifier: Apache-2.0
#include "frontend/nbd/serve.hpp"

#include <memory>
#include <utility>

#include "frontend/nbd/connection.hpp"

namespace srp_nbd {

static_assert(LaneOptions::kMostRequestBytes <= nbd::kMaxPayloadBytes);

void serve_nbd(Lane& lane, std::uint64_t connection_id, UniqueFd socket, std::uint64_t lun) {
  // A std::function must be copyable, so the descriptor is shared on its way to the thread.
  const auto shared = std::make_shared<UniqueFd>(std::move(socket));
  lane.host(connection_id, lun,
            [shared](LaneHost& host, srpi::LogicalUnit& unit, std::uint64_t id, std::uint32_t requests) {
              return std::make_unique<NbdConnection>(host, id, std::move(*shared), unit, requests);
            });
}

}  // namespace srp_nbd
