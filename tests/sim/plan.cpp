// SPDX-License-Identifier: Apache-2.0
#include "plan.hpp"

#include <algorithm>

#include "address.hpp"
#include "base/random.hpp"

namespace srpi::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

template<class T, std::size_t N>
T pick(base::Random& random, const T (&values)[N]) {
  return values[random.below(N)];
}

void choose_target(Plan& plan, base::Random& random) {
  auto& target = plan.target;
  target.port_id = address().target_port_id();
  const auto luns = 1 + random.below(3);
  for (std::uint16_t i = 0; i < luns; ++i) {
    target::LunConfig lun;
    lun.number = static_cast<std::uint16_t>(i * 3);
    lun.block_size = random.chance(1, 6) ? 1024 : 512;
    lun.bytes = std::uint64_t{lun.block_size} * pick(random, {32, 64, 192});
    lun.max_bytes = 2 * lun.bytes;
    lun.name = "unit-" + std::to_string(i);
    lun.volatile_cache = random.chance(1, 2);
    target.luns.push_back(lun);
  }
  target.request_limit = pick(random, {2u, 3u, 8u, 24u});
  target.max_iu_bytes = pick(random, {128u, 512u, 8276u, 8276u});
  target.immediate_data = random.chance(3, 4);
  target.max_transfer_bytes = pick(random, {0u, 4096u, 8192u});
  target.channels_are_sessions = random.chance(1, 2);
  target.multi_channel = !random.chance(1, 16);
  if (random.chance(1, 8)) target.max_channels = 2;
  if (random.chance(1, 4)) target.login_attention.reset();
}

void choose_session(Plan& plan, base::Random& random) {
  auto& o = plan.options;
  o.initiator_ext = 0x73696d;  // the same for all sessions of a run, so each login ends the session before
  o.channels = pick(random, {1u, 1u, 2u, 3u, 4u});
  o.queue_depth = pick(random, {1u, 4u, 16u, 32u});
  o.descriptors = pick(random, {1u, 2u, 4u, 32u});
  o.max_it_iu_bytes = pick(random, {84u, 612u, 8260u, 8260u});
  o.max_transfer_bytes = pick(random, {4096u, 8192u, 1u << 20});
  o.immediate_data = random.chance(3, 4);
  o.connect_timeout = milliseconds(pick(random, {100, 400}));
  o.command_timeout = milliseconds(pick(random, {50, 300}));
  o.ack_timeout_exponent = 8;  // 1 ms per try, because the deadlines are short
  o.task_management_timeout = milliseconds(pick(random, {10, 100}));
  if (random.chance(1, 4))
    o.keepalive.reset();
  else
    o.keepalive = milliseconds(pick(random, {20, 200}));
  if (random.chance(1, 8))
    o.reconnect_delay.reset();
  else
    o.reconnect_delay = milliseconds(pick(random, {20, 200, 1000}));
  o.reconnect_first_delay = milliseconds(pick(random, {1, 10}));
  if (random.chance(1, 2)) o.fast_io_fail = milliseconds(pick(random, {5, 50, 500}));
  if (random.chance(1, 4))
    o.dev_loss = std::max(o.fast_io_fail, milliseconds(pick(random, {20, 100, 500, 2000})));
}

// The numbers are between those of the first units.
void choose_later_units(Plan& plan) {
  base::Random random(plan.seed ^ 0x6c61746572u);
  const auto count = random.below(3);
  for (std::uint16_t i = 0; i < count; ++i) {
    auto lun = plan.target.luns.front();
    lun.number = static_cast<std::uint16_t>(i * 3 + 1);
    lun.name = "later-" + std::to_string(i);
    plan.later.push_back(lun);
  }
}

}  // namespace

Plan Plan::calm(std::uint64_t seed) {
  Plan plan;
  plan.seed = seed;
  base::Random random(seed ^ 0x706c616eu);
  choose_target(plan, random);
  choose_session(plan, random);
  plan.network_delay = microseconds(pick(random, {1, 20, 300}));
  plan.depth = pick(random, {1u, 4u, 12u, 24u});
  plan.most_blocks = pick(random, {1u, 8u, 24u});
  plan.think = microseconds(pick(random, {10, 300, 3000}));
  plan.submit_in_completion = pick(random, {0u, 4u, 15u});
  plan.writes = pick(random, {4u, 8u, 12u});
  plan.requests = 240;
  plan.storm = milliseconds(pick(random, {60, 500, 3000}));
  for (auto& lun : plan.target.luns) lun.force_unit_access = random.chance(1, 2);
  choose_later_units(plan);
  return plan;
}

Plan Plan::from_seed(std::uint64_t seed) {
  Plan plan = calm(seed);
  base::Random random(seed ^ 0x6661756c7473u);
  const auto off = pick(random, {1u, 2u, 3u});  // chance in 4
  for (std::size_t i = 0; i < kFaults; ++i) {
    if (random.chance(off, 4)) continue;
    const bool timed = i >= static_cast<std::size_t>(kFirstTimedFault);
    plan.weights[i] = timed ? pick(random, {1u, 4u, 16u}) : pick(random, {2u, 12u, 80u});
  }
  // Faults that end sessions are rare, because the session must live for the others.
  auto& erase = plan.weights[static_cast<std::size_t>(Fault::admin_erase)];
  if (erase > 1) erase = random.chance(1, 4) ? 2 : 0;
  plan.target.login_ends_held_writes = random.chance(1, 2);
  // A held write does harm only if the connection is lost before the deadline, because then an abort would
  // end it.
  if (!plan.target.login_ends_held_writes) {
    for (const auto fault : {Fault::hold_medium, Fault::drop_connections, Fault::break_initiator})
      plan.weights[static_cast<std::size_t>(fault)] = 16;
    // Held writes of a lost channel while others live are rare, so make held writes frequent.
    if (plan.options.channels > 1) plan.weights[static_cast<std::size_t>(Fault::hold_medium)] = 80;
    // The fence of a unit that comes back needs held writes and newer writes.
    if (plan.target.luns.size() > 1 && random.chance(1, 2)) {
      plan.weights[static_cast<std::size_t>(Fault::unit_away)] = 64;
      plan.weights[static_cast<std::size_t>(Fault::hold_medium)] = 400;
      plan.requests = 600;
      for (auto& lun : plan.target.luns) {
        lun.bytes = 32 * lun.block_size;
        lun.max_bytes = 2 * lun.bytes;
      }
    }
  }
  // The time between a write and its flush is short. Frequent power failures hit it, and I/O that survives
  // the outage shows the result.
  const bool flushes_writes = std::ranges::any_of(
      plan.target.luns, [](const auto& lun) { return lun.volatile_cache && !lun.force_unit_access; });
  if (flushes_writes && plan.options.fast_io_fail.count() > 0) {
    plan.weights[static_cast<std::size_t>(Fault::power_failure)] = 64;
    plan.options.fast_io_fail = milliseconds(500);
    if (plan.options.dev_loss) plan.options.dev_loss = std::max(*plan.options.dev_loss, milliseconds(500));
  }
  // For dev_loss during a requested attempt, that attempt must get no answer.
  if (plan.options.dev_loss && random.chance(1, 4)) {
    plan.weights[static_cast<std::size_t>(Fault::admin_reconnect)] = 16;
    plan.weights[static_cast<std::size_t>(Fault::cm_lost)] = 1024;
  }
  plan.fault_interval = pick(random, {milliseconds(2), milliseconds(20), milliseconds(100)});
  return plan;
}

}  // namespace srpi::sim
