// SPDX-License-Identifier: Apache-2.0
// Commands of verbs_probe: the loss of connections and devices, and abort().
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "verbs_probe.hpp"

namespace probe {

// Something ends two connections that sleep in two threads. ARGUMENT: the expected code, and a file to create
// when both sleep.
void lose(fabric::Fabric& fabric, const Destination& target, const std::string& argument) {
  const auto comma = argument.find(',');
  const std::string code = argument.substr(0, comma);
  std::atomic<int> connected = 0;
  std::vector<std::thread> threads;
  std::array<double, 2> aborts{};
  const auto ready = [&] {
    if (++connected < 2) return;
    std::filesystem::path file = argument.substr(comma + 1);
    if (std::FILE* f = std::fopen(file.c_str(), "w")) std::fclose(f);
  };
  for (unsigned n = 0; n < 2; ++n)
    threads.emplace_back([&, n] {
      Destination mine = target;
      mine.initiator.bytes[0] = static_cast<std::uint8_t>(mine.initiator.bytes[0] + n);
      Connection c(fabric, mine);
      c.log_in();
      expect(c.command({0x12, 0, 0, 0, 96, 0}, 'r', 96, false) == 0, "INQUIRY");
      ready();
      const auto event = c.expect_event(Kind::disconnected, 60);
      std::printf("thread %u: %s\n", n, event.error.message().c_str());
      expect(code == to_string(event.error.code), "expected the code '" + code + "'");
      expect(!c.endpoint().next_event(), "an event after the terminal one");
      std::printf("thread %u: %zu flushed completions seen\n", n, c.drain_flushed());
      aborts[n] = c.timed_abort();
    });
  for (auto& thread : threads) thread.join();
  std::printf("aborts: %.0f and %.0f us\n", aborts[0], aborts[1]);
}

// The device of two endpoints in different threads is removed. The endpoints are not connected, because
// otherwise a target on the same device would end first. ARGUMENT: a file to create when both sleep. Its
// removal ends the test.
void unplug(fabric::Fabric& fabric, const Destination& target, const std::string& file) {
  std::atomic<int> prepared = 0;
  std::vector<std::thread> threads;
  for (unsigned n = 0; n < 2; ++n)
    threads.emplace_back([&, n] {
      Connection c(fabric, target);
      c.resolve();
      c.prepare();
      if (++prepared == 2)
        if (std::FILE* f = std::fopen(file.c_str(), "w")) std::fclose(f);
      const auto event = c.expect_event(Kind::failed, 60);
      std::printf("thread %u: %s\n", n, event.error.message().c_str());
      expect_code(event.error, Errc::device_removed);
      std::printf("thread %u: abort %.0f us\n", n, c.timed_abort());
      // The registered memory is released here, after the last CM id.
    });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 600 && std::filesystem::exists(file); ++i) usleep(100'000);
}

// The peer becomes silent while the link stays up: packets are lost in both directions. Needs a target on
// another machine, because packets between two ends of one device do not leave it. ARGUMENT: a file to create
// before the loss may begin. Its removal means that the loss has begun.
void black_hole(fabric::Fabric& fabric, const Destination& target, const std::string& file) {
  Destination second = target;
  second.initiator.bytes[0] ^= 1;
  Connection busy(fabric, target), idle(fabric, second);
  busy.log_in();
  idle.log_in();
  if (std::FILE* f = std::fopen(file.c_str(), "w")) std::fclose(f);
  while (std::filesystem::exists(file)) usleep(10'000);

  std::printf("abort of an idle connection: %.0f us\n", idle.timed_abort());
  auto begin = Clock::now();
  busy.send({0x12, 0, 0, 0, 96, 0}, 'r', 96, false);
  const auto completion = busy.wait_completion(60);
  std::printf("a send ended after %.0f ms: %s\n", us_since(begin) / 1000, to_string(completion.status));
  expect(completion.status == fabric::WorkStatus::retry_exceeded,
         "the send did not fail for a missing acknowledgement");
  std::printf("abort after that: %.0f us, %zu flushed\n", busy.timed_abort(), busy.drain_flushed());

  begin = Clock::now();
  Connection late(fabric, target);
  late.resolve();
  late.prepare();
  late.request();
  usleep(2'000'000);
  std::printf("abort 2 s after a connection request: %.0f us\n", late.timed_abort());
}

// Calls abort() at every step, several times. ARGUMENT: a silent address and an address whose packets are
// lost.
void aborts(fabric::Fabric& fabric, const Destination& target, const std::string& argument) {
  const auto comma = argument.find(',');
  Destination silent = target, vanishing = target;
  silent.host = argument.substr(0, comma);
  vanishing.host = argument.substr(comma + 1);
  struct Step {
    const char* name;
    const Destination& target;
    std::function<void(Connection&)> reach;
  };
  const Step steps[] = {
      {"at once", target, [](Connection&) {}},
      {"resolving a silent address", silent, [](Connection&) { usleep(50'000); }},
      {"resolved", target, [](Connection& c) { c.resolve(); }},
      {"with queues", target, [](Connection& c) { c.resolve(), c.prepare(); }},
      {"just connecting", target, [](Connection& c) { c.resolve(), c.prepare(), c.request(); }},
      {"connecting, the reply unread", target,
       [](Connection& c) { c.resolve(), c.prepare(), c.request(), usleep(100'000); }},
      {"connecting to a black hole", vanishing,
       [](Connection& c) { c.resolve(), c.prepare(), c.request(), usleep(200'000); }},
      {"established", target, [](Connection& c) { c.log_in(); }},
      {"established, after a command", target,
       [](Connection& c) {
         c.log_in(), c.command({0x12, 0, 0, 0, 96, 0}, 'r', 96, false);
       }},
  };
  for (const auto& step : steps) {
    std::vector<double> times;
    for (int i = 0; i < 15; ++i) {
      Connection c(fabric, step.target);
      step.reach(c);
      times.push_back(c.timed_abort());
    }
    std::sort(times.begin(), times.end());
    std::printf("abort %-42s median %6.0f us, longest %6.0f us\n", step.name, times[times.size() / 2],
                times.back());
    expect(times.back() < 500'000, "abort() waited");
  }
}

static std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// Connects, uses and aborts connections, ARGUMENT times. No descriptor may stay open, and the memory outlives
// the connections.
void cycles(fabric::Fabric& fabric, const Destination& target, const std::string& argument) {
  Connection keeps_the_device(fabric, target);
  keeps_the_device.resolve();
  const auto device = keeps_the_device.endpoint().device();
  keeps_the_device.endpoint().abort();
  std::size_t files = 0;
  const int count = std::stoi(argument);
  const auto begin = Clock::now();
  for (int i = 0; i < count; ++i) {
    Connection c(fabric, target);
    c.log_in();
    expect(c.command({0x12, 0, 0, 0, 96, 0}, 'r', 96, false) == 0, "INQUIRY");
    expect(c.endpoint().device() == device, "another device than the one in use");
    c.endpoint().abort();
    if (i == 5) files = open_files();
  }
  std::printf("%d cycles of %.0f us, %zu files open\n", count, us_since(begin) / count, open_files());
  expect(open_files() == files, "files are left open");
}

}  // namespace probe
