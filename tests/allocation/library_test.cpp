// SPDX-License-Identifier: Apache-2.0
// A session's whole life with one allocation failing: whatever it was for fails with an error or is done
// again by the session itself, no request is lost, and in the end everything works.
#include <array>
#include <memory>
#include <vector>

#include "api/session_impl.hpp"
#include "failing_new.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "target/ram_target.hpp"

using namespace srpi;
using namespace srpi::allocation;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kDiskBytes = 64 << 10;

TargetAddress address() { return TargetAddress::parse("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value(); }

// The initiator's side of it fails, wire and target do not: they would be another machine.
class Wire final : public fabric::Fabric {
 public:
  Wire(loopback::Network& network, target::RamTarget& target)
      : network_(network), target_(target), fabric_(network) {}
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& to,
                                                       const fabric::ConnectOptions& options) override {
    return fabric_.open(to, options);
  }
  std::size_t progress() override {
    const Unfailing peer;
    return network_.progress() + target_.poll();
  }

 private:
  loopback::Network& network_;
  target::RamTarget& target_;
  loopback::Fabric fabric_;
};

struct Io {
  Io() {
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept { ++static_cast<Io*>(r.context)->completions; };
  }
  IoRequest request;
  std::array<Segment, 1> segments;
  int completions = 0;
};

struct Observer final : SessionObserver {
  void on_state(SessionState, SessionState to, const Error& cause) override {
    lives += to == SessionState::live;
    if (cause.code == Errc::no_memory) ++short_of_memory;
  }
  void on_logical_unit(LogicalUnit& unit) override {
    ++units_told;
    blocks = unit.info().blocks;
  }
  void on_event(SessionEvent, LogicalUnit*) override { ++events; }
  int lives = 0, units_told = 0, events = 0, short_of_memory = 0;
  std::uint64_t blocks = 0;
};

struct World {
  World() {
    target::TargetConfig config;
    config.port_id = address().target_port_id();
    config.luns.push_back({.number = 0, .bytes = kDiskBytes, .max_bytes = 4 * kDiskBytes, .name = "a"});
    config.luns.push_back({.number = 1, .bytes = kDiskBytes, .name = "b"});
    target = target::RamTarget::create(std::move(config)).value();
    network.listen(loopback::service_of(address()), *target, network.target_device()).value();
    options.fast_io_fail = 60s;
    options.queue_depth = 8;
    options.descriptors = 4;
    options.log = [this](LogLevel, std::string_view) { ++log_lines; };
  }
  ~World() {
    session.reset();
    network.stop_listening(loopback::service_of(address()));
  }

  void make_session() {
    for (int tries = 0; !session; ++tries) {
      must(tries < 2, "one allocation fails a session once");
      try {
        session = std::make_unique<api::SessionImpl>(
            address(), options, &observer, std::make_unique<Wire>(network, *target), nullptr, 1, &clock);
      } catch (const std::bad_alloc&) {  // Session::create makes no_memory of it
      }
    }
  }
  template<class Until>
  void run(Until until, const char* promise) {
    for (int turns = 0; !until(); ++turns) {
      must(turns < 20000, promise);
      if (session->poll() > 0) continue;
      (void)session->arm();
      clock.advance(1ms);
    }
  }
  void come_live() {
    run([&] { return session->state() == SessionState::live; }, "it is live again, by itself");
  }
  std::unique_ptr<Memory> memory_for(std::span<std::byte> bytes) {
    auto memory = session->register_memory(bytes);
    if (memory) return std::move(*memory);
    must(memory.error().code == Errc::no_memory, "a registration fails with no_memory");
    memory = session->register_memory(bytes);
    must(memory.has_value(), "the second registration succeeds");
    return std::move(*memory);
  }
  void submit(Io& io, IoOperation operation, const Memory& memory, std::size_t lun = 0) {
    io.segments[0] = {memory.bytes().data(), 4096, &memory};
    io.request.operation = operation;
    io.request.first_block = 8;
    io.request.blocks = 8;
    io.request.data = io.segments;
    io.completions = 0;
    session->logical_units()[lun]->submit(io.request);
  }
  void finish(Io& io) {
    run([&] { return io.completions > 0; }, "each request completes");
    must(io.completions == 1, "each request completes once");
    must(io.request.status == Errc::ok, "each request succeeds, for it is held while the session recovers");
  }

  base::ManualClock clock;
  loopback::Network network;
  std::unique_ptr<target::RamTarget> target;
  SessionOptions options;
  Observer observer;
  int log_lines = 0;
  std::unique_ptr<api::SessionImpl> session;
};

}  // namespace

TEST_CASE(
    "a session lives through any one failed allocation: connect, I/O, outage, attention, reconnect, erase") {
  std::vector<std::byte> buffer(4096, std::byte{7}), other(4096);
  const auto count = fail_each([&](auto failing) {
    World world;
    Io write, read;
    failing([&] {
      world.make_session();
      auto memory = world.memory_for(buffer);
      world.come_live();
      must(world.session->logical_units().size() == 2, "both units are found");
      must(world.observer.units_told == 2, "the observer is told of each unit once");
      world.submit(write, IoOperation::write, *memory);
      world.finish(write);
      auto second = world.memory_for(other);
      world.submit(read, IoOperation::read, *second);
      world.finish(read);

      {
        const Unfailing peer;
        world.target->set_online(false);
      }
      world.submit(write, IoOperation::write, *memory, 1);
      world.run([&] { return world.session->state() == SessionState::recovering; }, "an outage is noticed");
      {
        const Unfailing peer;
        world.target->set_online(true);
      }
      world.come_live();
      world.finish(write);

      {
        const Unfailing peer;
        (void)world.target->resize(0, 2 * kDiskBytes);
      }
      world.submit(read, IoOperation::read, *second);
      world.finish(read);
      world.run([&] { return world.observer.blocks == 2 * kDiskBytes / 512; }, "a grown unit is reported");
      world.come_live();
      must(world.observer.events > 0, "the target's word reaches the observer");

      must(world.session->disconnect().has_value(), "disconnect needs no memory");
      must(world.session->state() == SessionState::disconnected, "disconnected");
      must(world.session->reconnect().has_value(), "reconnect needs no memory itself");
      world.come_live();
      world.submit(read, IoOperation::read, *memory);
      world.finish(read);
      try {
        must(world.session->status().connects >= 3, "the status tells of the logins");
      } catch (const std::bad_alloc&) {  // returned by value: documented
      }
      world.session->erase();
      memory.reset();
      second.reset();
      world.session.reset();
    });
    must(other[0] == std::byte{7}, "the data is there");
  });
  CHECK(count > 100);
  WARN(count << " allocations, each failed once");
}

TEST_CASE("Session::create and the built-in target: no_memory, or a session that works") {
  const auto ram = TargetAddress::parse("ram://64K?luns=2").value();
  SessionOptions options;
  options.fast_io_fail = 20s;
  options.queue_depth = 4;
  options.connect_timeout = 100ms;
  options.reconnect_first_delay = 1ms;
  options.retry_count = 0;
  options.ack_timeout_exponent = 1;
  options.command_timeout = 100ms;
  options.task_management_timeout = 50ms;
  std::vector<std::byte> buffer(4096);
  const auto count = fail_each([&](auto failing) {
    Result<std::unique_ptr<Session>> session = Error{};
    std::unique_ptr<Memory> memory;
    Io io;
    failing([&] {
      session = Session::create(ram, options);
      if (!session) {
        must(session.error().code == Errc::no_memory, "create fails with no_memory");
        session = Session::create(ram, options);
        must(session.has_value(), "the second create succeeds");
      }
      const auto run = [&](auto until, const char* promise) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!until()) {
          must(std::chrono::steady_clock::now() < end, promise);
          (*session)->poll();
        }
      };
      const auto is_live = [&] { return (*session)->state() == SessionState::live; };
      run(is_live, "live");
      auto registered = (*session)->register_memory(buffer);
      if (!registered) registered = (*session)->register_memory(buffer);
      must(registered.has_value(), "the second registration succeeds");
      memory = std::move(*registered);
      io.segments[0] = {buffer.data(), 4096, memory.get()};
      io.request.blocks = 8;
      io.request.data = io.segments;
      (*session)->logical_units()[1]->submit(io.request);
      run([&] { return io.completions > 0; }, "a request completes");
      must(io.completions == 1, "a request completes once");
    });
    memory.reset();
    session = Error{};
  });
  CHECK(count > 100);
}
