// SPDX-License-Identifier: Apache-2.0
// Tests the fabric over verbs against a real target. Each COMMAND tests one aspect:
//
//   verbs_probe COMMAND HOST PORT TARGET_PORT_ID INITIATOR_PORT_ID [ARGUMENT]
//
// Prints events and times. The exit status is 0 if the fabric behaved as specified.
#include "verbs_probe.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "verbs/fabric.hpp"

namespace probe {
namespace {

void show(const char* what, const fabric::ConnectionEvent& event, Clock::time_point begin) {
  std::printf("%s: %s after %.0f us: %s\n", what, to_string(event.kind), us_since(begin),
              event.error.message().c_str());
}

// Tests path, login, commands in both directions and sleeping on the descriptors.
void io(fabric::Fabric& fabric, const Destination& target, const std::string&) {
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

  // INQUIRY does not report a unit attention. The first other command does.
  expect(c.command({0x12, 0, 0, 0, 96, 0}, 'r', 96, false) == 0, "INQUIRY");
  std::printf("INQUIRY: '%.24s'\n", reinterpret_cast<const char*>(c.data()) + 8);
  expect(std::memcmp(c.data() + 8, "LIO-ORG ", 8) == 0, "the vendor is not LIO's");
  int attentions = 0;
  while (c.command({0, 0, 0, 0, 0, 0}, '-', 0, true) != 0) expect(++attentions < 5, "TEST UNIT READY");

  // The target fetches a write's data by RDMA READ, so this write needs responder resources.
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

// Connects to a port without a listener.
void refused(fabric::Fabric& fabric, const Destination& target, const std::string&) {
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

// The target rejects the login with an SRP_LOGIN_REJ.
void login_rejected(fabric::Fabric& fabric, const Destination& target, const std::string&) {
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

// The attempt must fail with the code ARGUMENT.
void fails(fabric::Fabric& fabric, const Destination& target, const std::string& code) {
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

// Uses a login string of native InfiniBand, which Ethernet devices refuse.
void native(fabric::Fabric& fabric, const Destination&, const std::string&) {
  TargetAddress address;
  IbCmAddress ib;
  ib.dgid[0] = 0xfe, ib.dgid[1] = 0x80, ib.dgid[15] = 1;
  ib.service_id = 0x1234;
  address.transport = ib;
  // Some kernels refuse at once, others when no InfiniBand port has the partition.
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

// Must run without CAP_IPC_LOCK.
void memlock(fabric::Fabric& fabric, const Destination& target, const std::string&) {
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

// A request over a limit of the device is refused with the limit's name, and the endpoint can still be used.
void limits(fabric::Fabric& fabric, const Destination& target, const std::string&) {
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

}  // namespace probe

using namespace probe;

int main(int argc, char** argv) {
  const std::map<std::string, void (*)(fabric::Fabric&, const Destination&, const std::string&)> commands = {
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
  Destination target{argv[2], static_cast<std::uint16_t>(std::stoul(argv[3])), "", {}, {}};
  for (int id = 0; id < 2; ++id)
    for (std::size_t i = 0; i < 16; ++i)
      (id == 0 ? target.target : target.initiator).bytes[i] =
          static_cast<std::uint8_t>(std::stoul(std::string(argv[4 + id]).substr(2 * i, 2), nullptr, 16));
  if (const char* source = std::getenv("PROBE_SOURCE")) target.source = source;
  const auto fabric = verbs::make_fabric();
  commands.at(argv[1])(*fabric, target, argc > 6 ? argv[6] : "");
  return 0;
}
