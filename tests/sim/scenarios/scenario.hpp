// SPDX-License-Identifier: Apache-2.0
// Shared by the scripted scenarios: a simulation without random faults, and functions that wait for
// something.
#pragma once

#include <memory>

#include "catch2/catch.hpp"
#include "simulation.hpp"
#include "test/print_result.hpp"

namespace srpi::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A plan with large limits and known timers. A scenario changes it before it makes its Scenario.
inline Plan quiet_plan() {
  Plan plan = Plan::calm(1);
  plan.options = {};
  plan.options.initiator_ext = 0x73696d;
  plan.options.queue_depth = 16;
  plan.options.connect_timeout = milliseconds(200);
  plan.options.command_timeout = milliseconds(100);
  plan.options.ack_timeout_exponent = 8;
  plan.options.task_management_timeout = milliseconds(50);
  plan.options.keepalive.reset();
  plan.options.reconnect_delay = milliseconds(100);
  plan.options.reconnect_first_delay = milliseconds(5);
  plan.target.luns.resize(1);
  plan.target.luns[0].block_size = 512;
  plan.target.luns[0].bytes = 64 * 512;
  plan.target.luns[0].max_bytes = 128 * 512;
  plan.target.luns[0].volatile_cache = true;
  plan.target.luns[0].force_unit_access = true;
  plan.target.request_limit = 24;
  plan.target.max_iu_bytes = 8276;
  plan.target.immediate_data = true;
  plan.target.max_transfer_bytes = 0;
  plan.network_delay = std::chrono::microseconds(5);
  plan.depth = 8;
  plan.most_blocks = 8;
  plan.requests = 1u << 30;
  plan.submit_in_completion = 0;
  plan.writes = 8;
  return plan;
}

// READ and WRITE, (10) and (16).
inline bool is_read(const target::CommandInfo& command) {
  return command.cdb[0] == std::byte{0x28} || command.cdb[0] == std::byte{0x88};
}
inline bool is_write(const target::CommandInfo& command) {
  return command.cdb[0] == std::byte{0x2a} || command.cdb[0] == std::byte{0x8a};
}
inline bool is_block_io(const target::CommandInfo& command) { return is_read(command) || is_write(command); }

class Scenario : public Simulation {
 public:
  explicit Scenario(const Plan& plan = quiet_plan(), SimOptions options = {}) : Simulation(plan, options) {
    connect();
  }
  ~Scenario() override = default;

  bool live(base::Duration bound = seconds(5)) {
    return run_until([this] { return state() == session::State::live; }, bound);
  }
  bool reaches(session::State wanted, base::Duration bound = seconds(5)) {
    return run_until([&] { return state() == wanted; }, bound);
  }
  bool idle(base::Duration bound = seconds(5)) {
    return run_until([this] { return workload().outstanding() == 0; }, bound);
  }
  // Submits `n` requests of random kinds.
  void submit(std::uint32_t n) {
    for (std::uint32_t i = 0; i < n; ++i) workload().submit_one();
    poll_soon();
  }
  // Ends the faults, settles, checks every block, and checks that nothing is left.
  bool ends_well() {
    finish();
    if (checks().failure())
      UNSCOPED_INFO(to_string(checks().failure()->checker) << ": expected " << checks().failure()->expected
                                                           << ", seen " << checks().failure()->seen);
    return !checks().failure();
  }
};

}  // namespace srpi::sim
