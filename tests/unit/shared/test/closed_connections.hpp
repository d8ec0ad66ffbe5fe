// SPDX-License-Identifier: Apache-2.0
// A lane's observer that passes on only the ends of connections.
#pragma once

#include <functional>
#include <utility>

#include "lane/lane.hpp"

struct ClosedConnections final : srp_nbd::LaneObserver {
  using Report = std::function<void(std::uint64_t connection_id, const srpi::Error& why)>;

  explicit ClosedConnections(Report r) : report(std::move(r)) {}
  void on_state(srpi::SessionState, srpi::SessionState, const srpi::Error&) override {}
  void on_connection_closed(std::uint64_t id, const srpi::Error& why) override { report(id, why); }

  const Report report;
};
