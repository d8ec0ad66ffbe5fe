// SPDX-License-Identifier: Apache-2.0
// The invariants that are checked between any two events. workload.cpp and wire_model.cpp check completions,
// memory, tags and receives.
#include <fmt/format.h>

#include "simulation.hpp"

namespace srpi::sim {

void Simulation::check() {
  if (!session_ || checks_.failure()) return;
  const auto& nexus = session_->nexus();
  for (std::uint32_t i = 0; i < nexus.channels().all().size(); ++i) {
    const auto& channel = nexus.channels().all()[i]->channel;
    if (channel.outstanding() > channel.limits().queue_depth + 1)
      checks_.fail(Checker::request_limit, "at most queue_depth commands at the target, and a keepalive",
                   fmt::format("{}", channel.outstanding()));
    if (!nexus.channels().all()[i]->is_live() || channel.failure()) continue;
    const auto& wire = WireModel::of(channel.endpoint());
    if (channel.credits().available() != wire.credits())
      checks_.fail(Checker::request_limit, fmt::format("{} credits, as the wire has seen", wire.credits()),
                   fmt::format("channel {} counts {}", i, channel.credits().available()));
  }
}

// Compares the target's disks with the models.
void Simulation::check_disks() {
  if (checks_.failure()) return;
  for (const auto& model : models_) {
    const auto bytes = target_->disk_bytes(model.lun());
    for (std::uint64_t block = 0; block < bytes.size() / model.block_size(); ++block)
      if (auto wrong = model.judge(block, bytes.subspan(block * model.block_size(), model.block_size()),
                                   model.floor(block)))
        return checks_.fail(Checker::disk_contents, "no older write overwrites a newer acknowledged one",
                            *wrong);
  }
}

// Called when nothing is broken any more. After a rescan, the session has all units of the target.
bool Simulation::check_rescan() {
  const auto before = rescans_;
  rescan();
  const auto done = [&] { return !rescan_is_under_way_; };
  if (!run_until(done, std::chrono::seconds(90)) || rescans_ == before) {
    checks_.fail(Checker::liveness, "a rescan succeeds while nothing is broken",
                 rescan_is_under_way_ ? "it did not end" : to_string(rescan_.status));
    return false;
  }
  for (const auto& model : models_) {
    const auto is_it = [&](const auto& unit) { return unit->info().lun == model.lun(); };
    if (target_->disk_bytes(model.lun()).empty() || std::ranges::any_of(session_->logical_units(), is_it))
      continue;
    checks_.fail(Checker::liveness, "a rescan finds every unit of the target",
                 fmt::format("LUN {} is not found", model.lun()));
    return false;
  }
  return true;
}

// A stopped session must have a cause.
void Simulation::check_resting() {
  if (state() != session::State::stopped) return;
  const auto status = session_->status();
  if (!status.by_administrator && status.last_error.code == Errc::ok)
    checks_.fail(Checker::liveness, "a stopped session names its cause",
                 "no error, and not by an administrator");
}

}  // namespace srpi::sim
