// SPDX-License-Identifier: Apache-2.0
// A session of three channels with one allocation failing: no matter whether it was for a login, a join, the
// loss of a channel, the fence or the words about any of them, no request is lost or doubled, and all
// channels come back by themselves.
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

TEST_CASE(
    "any one failed allocation while channels are refused, logged out, attended to, reset and fenced in "
    "vain") {
  std::vector<std::byte> buffer(4096, std::byte{5});
  const auto count = fail_each([&](auto failing) {
    Channels world;
    std::array<Io, kChannels> writes;
    Io io;
    Reset reset;
    failing([&] {
      // The target takes one channel only, then all of them.
      world.peer([](auto& t) { t.reject_further_channels(wire::RejectReason::multichannel_unsupported); });
      world.make_session();
      auto memory = world.memory_for(buffer);
      world.come_live();
      world.run([&] { return world.nexus().channels_refused(); }, "a refusal of channels is noticed");
      must(world.nexus().channels().error().code != Errc::ok, "the refusal is told");
      world.peer([](auto& t) { t.reject_further_channels(std::nullopt); });
      must(world.session->reconnect().has_value(), "asking for the channels needs no memory");
      world.all_live();

      // It logs one of them out.
      const auto losses = [&] {
        return world.nexus().channels().history.losses + world.nexus().record().losses;
      };
      auto before = losses();
      world.peer([](auto& t) { t.send_logout(wire::LogoutReason::inactive, t.channels().back().number); });
      world.run([&] { return losses() > before; }, "a logout is noticed");
      world.all_live();

      // A unit has grown: each channel has an attention, the observer is told once.
      world.peer([](auto& t) { (void)t.resize(0, 2 * kDiskBytes); });
      world.submit(io, IoOperation::read, *memory);
      world.finish(io);
      world.run([&] { return world.observer.blocks == 2 * kDiskBytes / 512; }, "a grown unit is reported");
      world.all_live();

      // Over one channel the units cannot be proved: that one is lost, the others prove them.
      before = losses();
      world.peer([](auto& t) {
        t.set_command_hook([](const target::CommandInfo& info) {
          const bool inquiry = static_cast<scsi::Opcode>(info.cdb[0]) == scsi::Opcode::inquiry;
          if (!inquiry || channel_of(info.tag) == 0) return Outcome{};
          return Outcome::check_condition(scsi::SenseKey::hardware_error, {});
        });
        (void)t.raise_attention(1, scsi::kCapacityChanged);
      });
      world.submit(io, IoOperation::read, *memory, 1);
      world.run([&] { return losses() > before; }, "a channel over which the units cannot be proved is lost");
      world.answer_again();
      world.finish(io);
      world.all_live();

      // An operator's reset, which one channel does not confirm: that one is of no further use.
      before = losses();
      world.peer([](auto& t) {
        t.set_task_hook([](const wire::TaskManagement& f) {
          return channel_of(f.tag) == 2 ? TaskOutcome{TaskOutcome::Kind::answer, wire::TaskResult::failed}
                                        : TaskOutcome{};
        });
      });
      world.session->logical_units()[0]->reset(reset.request);
      world.run([&] { return reset.done; }, "a reset is answered");
      world.run([&] { return losses() > before; }, "a channel that does not confirm is lost");
      world.peer([](auto& t) { t.set_task_hook({}); });
      for (int i = 0; i < 2; ++i) {  // each channel has an attention again
        world.all_live();
        world.submit(io, IoOperation::read, *memory);
        world.finish(io);
        world.run_for(500ms);
      }
      world.all_live();

      // A lost channel's fence is refused: that is the loss of the session, whose next login fences.
      world.keep_writes();
      world.write_on_all(writes, *memory);
      world.run([&] { return world.target->held() >= kChannels; }, "the target has the writes");
      world.answer_again();
      world.peer([](auto& t) {
        t.set_task_hook([](const auto&) {
          return TaskOutcome{TaskOutcome::Kind::answer, wire::TaskResult::failed};
        });
      });
      const auto sessions_lost = world.nexus().record().losses;
      world.break_channel(1);
      world.run([&] { return world.nexus().record().losses > sessions_lost; },
                "a fence in vain ends the session");
      world.peer([](auto& t) { t.set_task_hook({}); });
      world.finish_all(writes);
      world.come_live();
      world.all_live();
      must(world.nexus().marks().empty(), "the next login has fenced");
      must(world.target->held() == 0, "no ghost is left");

      must(world.session->disconnect().has_value(), "disconnect needs no memory");
      must(world.session->reconnect().has_value(), "reconnect needs no memory itself");
      world.come_live();
      world.all_live();
      world.submit(io, IoOperation::write, *memory);
      world.finish(io);
      memory.reset();
      world.session.reset();
    });
  });
  CHECK(count > 500);
  WARN(count << " allocations, each failed once");
}
