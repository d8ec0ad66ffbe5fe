// SPDX-License-Identifier: Apache-2.0
// Faults of deliveries: work requests and the connection manager's messages.
#include "simulation.hpp"

namespace srpi::sim {

using loopback::Delivery;
using loopback::Verdict;

bool Simulation::roll(Fault fault) noexcept {
  if (!faults_on_ || !network_random_.chance(plan_.weight(fault), 4096)) return false;
  counts_.fired(fault);
  journal_.note(to_string(fault));
  return true;
}

fabric::WorkStatus Simulation::any_error() noexcept {
  using enum fabric::WorkStatus;
  static constexpr fabric::WorkStatus kErrors[] = {retry_exceeded,   rnr_exceeded, remote_access,
                                                   remote_operation, local_error,  fatal};
  return kErrors[network_random_.below(std::size(kErrors))];
}

Verdict Simulation::judge(const Delivery& delivery) noexcept {
  if (on_delivery)
    if (const auto verdict = on_delivery(delivery)) return *verdict;
  Verdict verdict;
  const auto delay = [&](base::Duration mean) {
    return base::Duration(network_random_.below(2 * static_cast<std::uint64_t>(mean.count()) + 1));
  };
  verdict.delay = delay(plan_.network_delay);
  verdict.acknowledgement_delay = delay(plan_.network_delay);
  switch (delivery.kind) {
    case Delivery::Kind::send:
    case Delivery::Kind::rdma_read:
    case Delivery::Kind::rdma_write:
      if (roll(Fault::work_delay)) verdict.delay += delay(plan_.options.command_timeout);
      if (roll(Fault::work_error)) {
        verdict.fault =
            network_random_.chance(1, 2) ? Verdict::Fault::fail_delivered : Verdict::Fault::fail_undelivered;
        verdict.status = any_error();
      }
      return verdict;
    case Delivery::Kind::resolve:
    case Delivery::Kind::request:
      if (roll(Fault::cm_unreachable)) verdict.fault = Verdict::Fault::unreachable;
      if (delivery.kind == Delivery::Kind::request && roll(Fault::cm_stale))
        verdict.fault = Verdict::Fault::reject_stale;
      [[fallthrough]];
    default:
      if (roll(Fault::cm_delay)) verdict.delay += delay(plan_.options.connect_timeout);
      if (roll(Fault::cm_lost)) verdict.fault = Verdict::Fault::lost;
      return verdict;
  }
}

// Cuts a login response or changes its opcode. It is cut below the unit's length, because the fabric adds
// padding after it.
void Simulation::bend(fabric::ConnectionEvent& event) {
  if (on_connection_event) on_connection_event(event);
  using Kind = fabric::ConnectionEvent::Kind;
  if ((event.kind != Kind::established && event.kind != Kind::rejected) || !roll(Fault::login_cut)) return;
  if (network_random_.chance(1, 3))
    event.private_data[0] = static_cast<std::byte>(network_random_.below(256));
  else
    event.private_data_bytes = network_random_.below(event.kind == Kind::established ? 52 : 32);
}

}  // namespace srpi::sim
