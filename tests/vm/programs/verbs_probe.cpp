// SPDX-License-Identifier: Apache-2.0
// Exercises the fabric seam over verbs against a real target, one aspect at a time:
//
//   verbs_probe COMMAND HOST PORT TARGET_PORT_ID INITIATOR_PORT_ID [ARGUMENT]
//
// Prints what it sees, with the times it took; a status other than 0 means that the seam did not keep its
// word.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <thread>

#include "probe_connection.hpp"
#include "verbs/fabric.hpp"

using namespace probe;

namespace {

void show(const char* what, const fabric::ConnectionEvent& event, Clock::time_point begin) {
  std::printf("%s: %s after %.0f us: %s\n", what, to_string(event.kind), us_since(begin),
              event.error.message().c_str());
}

void expect_code(const Error& error, Errc code) {
  expect(error.code == code,
         std::string("expected the code '") + to_string(code) + "', got: " + error.message());
}

// Path, login, commands both ways, and sleeping on the descriptors.
void io(fabric::Fabric& fabric, const Target& target, const std::string&) {
  const auto begin = Clock::now();
  Connection c(fabric, target);
  c.log_in();
  std::printf("logged in after %.0f us\n", us_since(begin));
  const auto& path = c.endpoint().path();
  std::printf("path: %s/%u, %s -> %s\n      %02x%02x…%02x -> …%02x, inline %u\n", path.device.c_str(),
              path.port, path.source.c_str(), path.destination.c_str(), path.source_gid[0],
              path.source_gid[1], path.source_gid[15], path.destination_gid[15], c.endpoint().inline_bytes());
  expect(!path.device.empty() && path.port == 1 && !path.source.empty() && !path.destination.empty(),
         "the path");
  const std::array<std::uint8_t, 16> no_gid{};
  expect(path.source_gid != no_gid && path.destination_gid != no_gid, "the path's GIDs");
  expect(c.endpoint().device()->name() == path.device, "the device's name");
  expect(c.endpoint().compact_login(), "RDMA CM carries the compact login");
  expect(c.endpoint().inline_bytes() >= 128, "no inline data");

  // INQUIRY raises no unit attention; whatever else comes first does.
  expect(c.command({0x12, 0, 0, 0, 96, 0}, 'r', 96, false) == 0, "INQUIRY");
  std::printf("INQUIRY: '%.24s'\n", reinterpret_cast<const char*>(c.data()) + 8);
  expect(std::memcmp(c.data() + 8, "LIO-ORG ", 8) == 0, "the vendor is not LIO's");
  int attentions = 0;
  while (c.command({0, 0, 0, 0, 0, 0}, '-', 0, true) != 0) expect(++attentions < 5, "TEST UNIT READY");

  // The target fetches a write's data by RDMA READ, so this needs responder resources.
  for (std::size_t i = 0; i < 65536; ++i) c.data()[i] = std::byte(i * 7 + i / 256);
  expect(c.command({0x2a, 0, 0, 0, 0, 8, 0, 0, 128, 0}, 'w', 65536, true) == 0, "WRITE(10)");
  std::memset(c.data(), 0, 65536);
  expect(c.command({0x28, 0, 0, 0, 0, 8, 0, 0, 128, 0}, 'r', 65536, true) == 0, "READ(10)");
  for (std::size_t i = 0; i < 65536; ++i)
    expect(c.data()[i] == std::byte(i * 7 + i / 256), "the data differ");

  const auto loop = Clock::now();
  for (int i = 0; i < 1000; ++i)
    expect(c.command({0x28, 0, 0, 0, 0, 8, 0, 0, 8, 0}, 'r', 4096, true) == 0, "READ(10)");
  std::printf("read of 4096 bytes, sleeping for each: %.0f us\n", us_since(loop) / 1000);

  std::printf("abort of the connection: %.0f us\n", c.timed_abort());
  fabric::SendWork send;
  expect_code(c.endpoint().post_send({&send, 1}).error(), Errc::no_connect);
  std::vector<int> fds;
  c.endpoint().append_fds(fds);
  expect(fds.empty() && !c.endpoint().next_event(), "something is left after abort");
  std::printf("second abort: %.0f us\n", c.timed_abort());
}

// Nothing listens at that port.
void refused(fabric::Fabric& fabric, const Target& target, const std::string&) {
  Connection c(fabric, target);
  c.resolve();
  c.prepare();
  const auto begin = Clock::now();
  c.request();
  const auto event = c.expect_event(Kind::rejected);
  show("refused", event, begin);
  expect_code(event.error, Errc::refused);
  expect(!event.consumer && !event.stale, "flags");
  std::printf("abort after a reject: %.0f us\n", c.timed_abort());
}

// The target itself says no, with an SRP_LOGIN_REJ.
void login_rejected(fabric::Fabric& fabric, const Target& target, const std::string&) {
  Connection c(fabric, target);
  c.resolve();
  c.prepare();
  const auto begin = Clock::now();
  c.request();
  const auto event = c.expect_event(Kind::rejected);
  show("login rejected", event, begin);
  expect_code(event.error, Errc::login_rejected);
  expect(event.consumer, "not the consumer's reject");
  expect(event.private_data_bytes >= 32 && byte_at(event.private_data.data(), 0) == 0xc2, "no SRP_LOGIN_REJ");
  std::printf("SRP_LOGIN_REJ reason 0x%02x%02x%02x%02x, %zu bytes\n", byte_at(event.private_data.data(), 4),
              byte_at(event.private_data.data(), 5), byte_at(event.private_data.data(), 6),
              byte_at(event.private_data.data(), 7), event.private_data_bytes);
  expect(!c.endpoint().next_event(), "an event after the terminal one");
}

// Two connections in two threads, asleep, when something ends both. ARGUMENT: the code to expect, a file to
// make when they sleep.
void lose(fabric::Fabric& fabric, const Target& target, const std::string& argument) {
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
      Target mine = target;
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

// The device is removed below two endpoints of different threads, which have not connected: with a connection
// to a target on the same device, it would be the target that goes first. ARGUMENT: a file to make when both
// sleep; to be removed when this may end.
void unplug(fabric::Fabric& fabric, const Target& target, const std::string& file) {
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
      // Registered memory goes only now, after the last CM id.
    });
  for (auto& thread : threads) thread.join();
  for (int i = 0; i < 600 && std::filesystem::exists(file); ++i) usleep(100'000);
}

// The peer falls silent, links up: packets vanish both ways. Needs a target on another machine, as those of
// one device never leave it. ARGUMENT: a file to make when that may begin; to be removed when it has.
void black_hole(fabric::Fabric& fabric, const Target& target, const std::string& file) {
  Target second = target;
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
  expect(completion.status == fabric::WorkStatus::retry_exceeded, "not for want of an acknowledgement");
  std::printf("abort after that: %.0f us, %zu flushed\n", busy.timed_abort(), busy.drain_flushed());

  begin = Clock::now();
  Connection late(fabric, target);
  late.resolve();
  late.prepare();
  late.request();
  usleep(2'000'000);
  std::printf("abort 2 s after a connection request: %.0f us\n", late.timed_abort());
}

// abort() at every step, repeatedly. ARGUMENT: an address that is silent, one whose packets vanish.
void aborts(fabric::Fabric& fabric, const Target& target, const std::string& argument) {
  const auto comma = argument.find(',');
  Target silent = target, vanishing = target;
  silent.host = argument.substr(0, comma);
  vanishing.host = argument.substr(comma + 1);
  struct Step {
    const char* name;
    const Target& target;
    std::function<void(Connection&)> reach;
  };
  const Step steps[] = {
      {"at once", target, [](Connection&) {}},
      {"resolving an address nobody answers for", silent, [](Connection&) { usleep(50'000); }},
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
    expect(times.back() < 500'000, "abort() waits for somebody");
  }
}

std::size_t open_files() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

// ARGUMENT times connect, use, abort: no descriptor is left behind, and the memory outlives the connections.
void cycles(fabric::Fabric& fabric, const Target& target, const std::string& argument) {
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

// The event ARGUMENT ("code") ends the attempt.
void fails(fabric::Fabric& fabric, const Target& target, const std::string& code) {
  const auto begin = Clock::now();
  auto endpoint = fabric.open(target.address(), {});
  Error error;
  if (!endpoint) {
    error = endpoint.error();
  } else {
    Connection c(fabric, target);
    auto event = c.wait_event(150);
    if (event.kind == Kind::resolved) {
      c.prepare();
      c.request();
      event = c.wait_event(150);
    }
    expect(event.kind == Kind::failed, std::string("the event is '") + to_string(event.kind) + "'");
    error = event.error;
  }
  std::printf("failed after %.0f ms: %s\n", us_since(begin) / 1000, error.message().c_str());
  expect(code == to_string(error.code), "expected the code '" + code + "'");
}

// A login string of native InfiniBand, which no Ethernet device takes.
void native(fabric::Fabric& fabric, const Target&, const std::string&) {
  TargetAddress address;
  IbCmAddress ib;
  ib.dgid[0] = 0xfe, ib.dgid[1] = 0x80, ib.dgid[15] = 1;
  ib.service_id = 0x1234;
  address.transport = ib;
  // Some kernels refuse at once, some when no InfiniBand port has the partition.
  auto endpoint = fabric.open(address, {});
  Error error;
  if (!endpoint) {
    error = endpoint.error();
  } else {
    std::optional<fabric::ConnectionEvent> event;
    while (!(event = (*endpoint)->next_event())) usleep(1000);
    expect(event->kind == Kind::failed, "AF_IB resolves over Ethernet");
    error = event->error;
  }
  std::printf("native InfiniBand: %s\n", error.message().c_str());
}

// Needs to run without CAP_IPC_LOCK.
void memlock(fabric::Fabric& fabric, const Target& target, const std::string&) {
  Connection c(fabric, target);
  c.resolve();
  const rlimit limit{1 << 20, 1 << 20};
  expect(setrlimit(RLIMIT_MEMLOCK, &limit) == 0, "setrlimit");
  std::vector<std::byte> much(8 << 20);
  const auto region = c.endpoint().device()->register_memory(much, fabric::Access::remote);
  expect(!region.has_value(), "8 MiB were registered in spite of RLIMIT_MEMLOCK");
  std::printf("%s\n", region.error().message().c_str());
  expect_code(region.error(), Errc::no_memory);
  expect(region.error().detail.find("RLIMIT_MEMLOCK") != std::string::npos, "the limit is not named");
}

// More than the device has is refused with the limit's name, and the endpoint can still be used.
void limits(fabric::Fabric& fabric, const Target& target, const std::string&) {
  Connection c(fabric, target);
  c.resolve();
  fabric::QueueLimits wanted;
  wanted.send_depth = 10'000'000;
  wanted.receive_depth = 16;
  const auto queues = c.endpoint().create_queues(wanted);
  expect(!queues.has_value(), "ten million sends were granted");
  std::printf("%s\n", queues.error().message().c_str());
  expect_code(queues.error(), Errc::invalid_argument);
  expect_code(c.endpoint().connect({}).error(), Errc::wrong_state);
  wanted.send_depth = 16;
  wanted.inline_bytes = 1 << 20;
  expect(c.endpoint().create_queues(wanted).has_value(), "the inline size was not reduced");
  std::printf("inline: 1048576 wanted, %u granted\n", c.endpoint().inline_bytes());
  const std::vector<std::byte> much(57);
  expect_code(c.endpoint().connect(much).error(), Errc::invalid_argument);
  expect_code(c.endpoint().create_queues(wanted).error(), Errc::wrong_state);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(fabric::Fabric&, const Target&, const std::string&)> commands = {
      {"io", io},         {"refused", refused}, {"login-rejected", login_rejected},
      {"lose", lose},     {"unplug", unplug},   {"black-hole", black_hole},
      {"aborts", aborts}, {"cycles", cycles},   {"fails", fails},
      {"native", native}, {"memlock", memlock}, {"limits", limits},
  };
  setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc < 6 || commands.find(argv[1]) == commands.end()) {
    std::fprintf(stderr, "usage: %s COMMAND HOST PORT TARGET_PORT_ID INITIATOR_PORT_ID [ARGUMENT]\n",
                 argv[0]);
    for (const auto& [name, function] : commands) std::fprintf(stderr, "  %s\n", name.c_str());
    return 2;
  }
  Target target{argv[2], static_cast<std::uint16_t>(std::stoul(argv[3])), "", {}, {}};
  for (int id = 0; id < 2; ++id)
    for (std::size_t i = 0; i < 16; ++i)
      (id == 0 ? target.target : target.initiator).bytes[i] =
          static_cast<std::uint8_t>(std::stoul(std::string(argv[4 + id]).substr(2 * i, 2), nullptr, 16));
  if (const char* source = std::getenv("PROBE_SOURCE")) target.source = source;
  const auto fabric = verbs::make_fabric();
  commands.at(argv[1])(*fabric, target, argc > 6 ? argv[6] : "");
  return 0;
}
