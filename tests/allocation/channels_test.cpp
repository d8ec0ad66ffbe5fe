// SPDX-License-Identifier: Apache-2.0
// A session of three channels with one allocation failing: for a login, a join, the loss of a channel, the
// fence, or a text about any of them. No request is lost or doubled, and all channels come back by themselves.
#include <deque>
#include <vector>

#include "loopback/endpoints.hpp"
#include "session_world.hpp"

using namespace srpi;
using namespace srpi::allocation;
using target::Outcome;
using target::TaskOutcome;

namespace {

constexpr std::uint32_t kChannels = 3;

std::uint32_t channel_of(std::uint64_t tag) { return static_cast<std::uint32_t>(tag >> 16) & 0xffff; }

// As Linux' target, with writes below it that only LOGICAL UNIT RESET ends.
target::TargetConfig linux_with_ghosts() {
  target::TargetConfig config;
  config.channels_are_sessions = true;
  config.login_ends_held_writes = false;
  return config;
}

struct Channels : World {
  Channels() : World(kChannels, linux_with_ghosts()) {
    options.reconnect_delay = 100ms;
    options.retry_count = 2;  // the fence follows soon
  }

  [[nodiscard]] const session::Nexus& nexus() const { return session->nexus(); }
  template<class Change>
  void peer(Change change) {
    const Unfailing not_ours;
    change(*target);
  }
  void keep_writes() {
    peer([](auto& t) {
      t.set_command_hook([](const target::CommandInfo& info) {
        const auto opcode = static_cast<scsi::Opcode>(info.cdb[0]);
        const bool write = opcode == scsi::Opcode::write_10 || opcode == scsi::Opcode::write_16;
        return Outcome::of(write ? Outcome::Kind::hold_medium : Outcome::Kind::normal);
      });
    });
  }
  void answer_again() {
    peer([](auto& t) { t.set_command_hook({}); });
  }
  void all_live() {
    run([&] { return nexus().channels().live().size() == kChannels; },
        "all channels are live again, by themselves");
    must(nexus().channels().error().code == Errc::ok, "no error is left when all channels are live");
  }
  // Its queue pair fails, unless the channel is lost already.
  void break_channel(std::uint32_t i) {
    const Unfailing wire;
    if (!nexus().channels().all()[i]->is_live()) return;
    auto& endpoint = dynamic_cast<loopback::ActiveEndpoint&>(nexus().channels().all()[i]->channel.endpoint());
    network.break_queue_pair(endpoint.end().connection, true, fabric::WorkStatus::retry_exceeded);
  }
  void run_for(base::Duration time) {
    const auto end = clock.now() + time;
    run([&] { return clock.now() >= end; }, "time passes");
  }
  void write_on_all(std::span<Io> ios, const Memory& memory) {
    for (auto& io : ios) submit(io, IoOperation::write, memory);
  }
  void finish_all(std::span<Io> ios) {
    for (auto& io : ios) finish(io);
  }
};

struct Reset {
  Reset() {
    request.context = this;
    request.on_complete = [](TaskRequest& r) noexcept { static_cast<Reset*>(r.context)->done = true; };
  }
  TaskRequest request;
  bool done = false;
};

}  // namespace

TEST_CASE(
    "a session of three channels lives through any one failed allocation: join, loss, fence, I/O, erase") {
  std::vector<std::byte> buffer(4096, std::byte{9}), other(4096);
  const auto count = fail_each([&](auto failing) {
    other.assign(other.size(), std::byte{0});
    Channels world;
    std::array<Io, kChannels> writes;
    Io read;
    failing([&] {
      world.make_session();
      auto memory = world.memory_for(buffer);
      world.come_live();
      world.all_live();
      must(world.observer.units_told == 2, "the observer is told of each unit once");

      // One is lost with its write at the target: behind the fence it is sent again.
      world.keep_writes();
      world.write_on_all(writes, *memory);
      world.run([&] { return world.target->held() >= kChannels; }, "the target has the writes");
      const auto before = world.nexus().channels().history.losses + world.nexus().record().losses;
      world.break_channel(1);
      world.answer_again();
      world.run([&] { return world.nexus().channels().history.losses + world.nexus().record().losses > 0; },
                "a loss is noticed");
      world.finish_all(writes);
      world.all_live();
      must(before > 0 || world.nexus().record().losses == 0, "the loss of one channel is not the session's");
      world.run([&] { return world.nexus().marks().empty(); }, "the units are fenced");
      must(world.target->held() == 0, "no ghost is left");

      auto second = world.memory_for(other);
      for (int i = 0; i < 4; ++i) {
        world.submit(read, IoOperation::read, *second);
        world.finish(read);
      }
      world.session->erase();
      must(world.nexus().channels().live().size() == 0, "erase ends all channels");
      memory.reset();
      second.reset();
      world.session.reset();
    });
    must(other[0] == std::byte{9}, "the data is there");
  });
  CHECK(count > 200);
  WARN(count << " allocations, each failed once");
}

namespace {

// A session to which one thing after another happens. Each step ends with all channels live.
struct Misfortunes : Channels {
  [[nodiscard]] std::uint64_t all_losses() const {
    return nexus().channels().history.losses + nexus().record().losses;
  }
  void io_at(std::size_t lun, IoOperation operation = IoOperation::read) {
    submit(io, operation, *memory, lun);
  }
  void answer_functions(TaskOutcome (*outcome)(const wire::TaskManagement&)) {
    peer([&](auto& t) { t.set_task_hook(outcome); });
  }

  void start_with_one_channel() {
    peer([](auto& t) { t.reject_further_channels(wire::RejectReason::multichannel_unsupported); });
    make_session();
    memory = memory_for(buffer);
    come_live();
    run([&] { return nexus().channels_refused(); }, "a refusal of channels is noticed");
    must(nexus().channels().error().code != Errc::ok, "the refusal is told");
    peer([](auto& t) { t.reject_further_channels(std::nullopt); });
    must(session->reconnect().has_value(), "asking for the channels needs no memory");
    all_live();
  }
  void log_one_channel_out() {
    const auto before = all_losses();
    peer([](auto& t) { t.send_logout(wire::LogoutReason::inactive, t.channels().back().number); });
    run([&] { return all_losses() > before; }, "a logout is noticed");
    all_live();
  }
  // Each channel has a unit attention, and the observer is told once.
  void grow_a_unit() {
    peer([](auto& t) { (void)t.resize(0, 2 * kDiskBytes); });
    io_at(0);
    finish(io);
    run([&] { return observer.blocks == 2 * kDiskBytes / 512; }, "a grown unit is reported");
    all_live();
  }
  // Only one channel proves the units.
  void refuse_proof_over_other_channels() {
    const auto before = all_losses();
    peer([](auto& t) {
      t.set_command_hook([](const target::CommandInfo& info) {
        const bool inquiry = static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::inquiry;
        if (!inquiry || channel_of(info.tag) == 0) return Outcome{};
        return Outcome::check_condition(scsi::SenseKey::hardware_error, {});
      });
      (void)t.raise_attention(1, scsi::kCapacityChanged);
    });
    io_at(1);
    run([&] { return all_losses() > before; }, "a channel over which the units cannot be proved is lost");
    answer_again();
    finish(io);
    all_live();
  }
  // An operator's reset that one channel does not confirm ends that channel.
  void reset_without_confirmation() {
    const auto before = all_losses();
    answer_functions([](const wire::TaskManagement& f) {
      return channel_of(f.tag) == 2 ? TaskOutcome{TaskOutcome::Kind::answer, wire::TaskResult::failed}
                                    : TaskOutcome{};
    });
    session->logical_units()[0]->reset(reset.request);
    run([&] { return reset.done; }, "a reset is answered");
    run([&] { return all_losses() > before; }, "a channel that does not confirm is lost");
    peer([](auto& t) { t.set_task_hook({}); });
    for (int i = 0; i < 2; ++i) {  // each channel has an attention again
      all_live();
      io_at(0);
      finish(io);
      run_for(500ms);
    }
    all_live();
  }
  // Without its fence a lost channel costs the session, whose next login fences.
  void refuse_fence_of_lost_channel() {
    keep_writes();
    write_on_all(writes, *memory);
    run([&] { return target->held() >= kChannels; }, "the target has the writes");
    answer_again();
    answer_functions([](const wire::TaskManagement&) {
      return TaskOutcome{TaskOutcome::Kind::answer, wire::TaskResult::failed};
    });
    const auto sessions_lost = nexus().record().losses;
    break_channel(1);
    run([&] { return nexus().record().losses > sessions_lost; }, "a fence in vain ends the session");
    peer([](auto& t) { t.set_task_hook({}); });
    finish_all(writes);
    come_live();
    all_live();
    must(nexus().marks().empty(), "the next login has fenced");
    must(target->held() == 0, "no ghost is left");
  }
  void disconnect_and_reconnect() {
    must(session->disconnect().has_value(), "disconnect needs no memory");
    must(session->reconnect().has_value(), "reconnect needs no memory itself");
    come_live();
    all_live();
    io_at(0, IoOperation::write);
    finish(io);
  }
  void end() {
    memory.reset();
    session.reset();
  }

  std::span<std::byte> buffer;
  std::array<Io, kChannels> writes;
  Io io;
  Reset reset;
  std::unique_ptr<Memory> memory;
};

}  // namespace

TEST_CASE(
    "any one failed allocation while channels are refused, logged out, attended to, reset and fenced in "
    "vain") {
  std::vector<std::byte> buffer(4096, std::byte{5});
  const auto count = fail_each([&](auto failing) {
    Misfortunes world;
    world.buffer = buffer;
    failing([&] {
      world.start_with_one_channel();
      world.log_one_channel_out();
      world.grow_a_unit();
      world.refuse_proof_over_other_channels();
      world.reset_without_confirmation();
      world.refuse_fence_of_lost_channel();
      world.disconnect_and_reconnect();
      world.end();
    });
  });
  CHECK(count > 500);
  WARN(count << " allocations, each failed once");
}
