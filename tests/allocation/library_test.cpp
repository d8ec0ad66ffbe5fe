// SPDX-License-Identifier: Apache-2.0
// A session's whole life with one failing allocation. The operation fails with an error, or the session
// repeats it. No request is lost, and in the end everything works.
#include <array>
#include <memory>
#include <vector>

#include "session_world.hpp"
#include "verbs/async_events.hpp"

using namespace srpi;
using namespace srpi::allocation;

TEST_CASE(
    "a session lives through any one failed allocation: connect, I/O, outage, attention, reconnect, erase") {
  std::vector<std::byte> buffer(4096, std::byte{7}), other(4096);
  const auto count = fail_each([&](auto failing) {
    other.assign(other.size(), std::byte{0});
    World world;
    Io write, read;
    const auto peer = [&](auto change) {
      const Unfailing unfailing;
      change(*world.target);
    };
    failing([&] {
      world.make_session();
      auto memory = world.memory_for(buffer);
      world.come_live();
      must(world.session->logical_units().size() == 2, "both units are found");
      must(world.observer.units_told == 2, "each unit is reported once");
      world.submit(write, IoOperation::write, *memory);
      world.finish(write);
      auto second = world.memory_for(other);
      world.submit(read, IoOperation::read, *second);
      world.finish(read);

      peer([](auto& target) { target.set_online(false); });
      world.submit(write, IoOperation::write, *memory, 1);
      world.run([&] { return world.session->state() == SessionState::recovering; }, "an outage is noticed");
      peer([](auto& target) { target.set_online(true); });
      world.come_live();
      world.finish(write);

      peer([](auto& target) { (void)target.resize(0, 2 * kDiskBytes); });
      world.submit(read, IoOperation::read, *second);
      world.finish(read);
      world.run([&] { return world.observer.blocks == 2 * kDiskBytes / 512; }, "a grown unit is reported");
      world.come_live();
      must(world.observer.events > 0, "the target's report reaches the observer");

      must(world.session->disconnect().has_value(), "disconnect needs no memory");
      must(world.session->state() == SessionState::disconnected, "disconnected");
      must(world.session->reconnect().has_value(), "reconnect needs no memory itself");
      world.come_live();
      world.submit(read, IoOperation::read, *memory);
      world.finish(read);
      try {
        must(world.session->status().connects >= 3, "the status tells of the logins");
      } catch (const std::bad_alloc&) {  // documented for functions that return by value
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
  const auto ram = parse_target("ram://64K?luns=2").value().address;
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

TEST_CASE("a device's event keeps its meaning where there is no memory for its words") {
  // The event must be acknowledged in any case, because destroying the queue pair waits for that.
  const auto count = fail_each([](auto failing) {
    failing([] {
      must(verbs::fatal_cause(IBV_EVENT_PORT_ERR, "rxe0", 1)->code == Errc::unreachable, "port");
      must(verbs::fatal_cause(IBV_EVENT_DEVICE_FATAL, "rxe0", 1)->code == Errc::device_removed, "device");
    });
  });
  CHECK(count >= 2);
}
