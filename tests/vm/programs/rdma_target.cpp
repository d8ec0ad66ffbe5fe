// SPDX-License-Identifier: Apache-2.0
// rdma_target ADDRESS PORT LUN_MIB     until standard input ends
//
// The built-in target over RDMA with one unit and the port id kPortId. Reads one command per line, executes
// it and prints "COMMAND: RESULT":
//
//   withhold | give        withhold the receives of existing connections | post the withheld ones
//   shorten BYTES          limit the receives of existing connections to BYTES
//   raw BYTES              send a unit of BYTES bytes 0xff to every initiator
//   logout | event         SRP_T_LOGOUT | SRP_AER_REQ with REPORTED LUNS DATA HAS CHANGED
//   credit                 SRP_CRED_REQ with one more credit
//   dump FILE              write the unit's contents to FILE
//   counters               "logins=N violations=N target_answers=N lost_channels=N"
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "rdma_listener.hpp"
#include "target/ram_target.hpp"

namespace {

using namespace srpi;

constexpr PortId kPortId{{0, 0, 0, 0, 0, 0, 0, 0xdd, 0, 0, 0, 0, 0, 0, 0, 0xdd}};

template<class T>
T or_exit(Result<T> result) {
  if (result) return std::move(*result);
  fmt::print(stderr, "rdma_target: {}\n", result.error().detail);
  std::exit(1);
}

std::optional<std::uint32_t> number(const std::string& text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string obey(target::RamTarget& target, test::RdmaListener& listener, const std::string& line) {
  const auto space = line.find(' ');
  const std::string verb = line.substr(0, space);
  const std::string argument = space == std::string::npos ? "" : line.substr(space + 1);
  const auto to = [](std::size_t initiators) { return fmt::format("{} initiators", initiators); };
  if (verb == "withhold" || verb == "give") {
    listener.withhold_receives(verb == "withhold");
    return "done";
  }
  if (verb == "shorten" && number(argument)) {
    listener.shorten_receives(*number(argument));
    return "done";
  }
  if (verb == "raw" && number(argument))
    return to(target.send_raw(std::vector<std::byte>(*number(argument), std::byte{0xff})));
  if (verb == "logout") return to(target.send_logout(wire::LogoutReason::none));
  if (verb == "credit") return to(target.send_credit_request(1));
  if (verb == "event") {
    scsi::Sense changed;
    changed.key = scsi::SenseKey::unit_attention;
    changed.additional = scsi::kReportedLunsDataChanged;
    return to(target.send_async_event(0, changed));
  }
  if (verb == "dump") {
    const auto bytes = target.disk_bytes(0);
    std::ofstream file(argument, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return file.flush() ? "done" : "failed";
  }
  if (verb == "counters") {
    const auto& n = target.counters();
    return fmt::format("logins={} violations={} target_answers={} lost_channels={}", n.logins, n.violations,
                       n.target_answers, n.lost_channels);
  }
  return "not understood";
}

// The lines received so far; nullopt after the end of the input.
std::optional<std::vector<std::string>> lines_of_input(std::string& pending) {
  char buffer[256];
  const auto n = read(STDIN_FILENO, buffer, sizeof buffer);
  if (n <= 0) return std::nullopt;
  pending.append(buffer, static_cast<std::size_t>(n));
  std::vector<std::string> lines;
  for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
    lines.push_back(pending.substr(0, end));
  return lines;
}

}  // namespace

int main(int argc, char** argv) {
  const auto port = argc == 4 ? number(argv[2]) : std::nullopt;
  const auto mib = argc == 4 ? number(argv[3]) : std::nullopt;
  if (!port || !mib || *port > 0xffff) {
    fmt::print(stderr, "usage: rdma_target ADDRESS PORT LUN_MIB\n");
    return 2;
  }
  target::TargetConfig config;
  config.port_id = kPortId;
  config.luns.push_back({.number = 0, .bytes = std::uint64_t{*mib} << 20, .name = "unruly"});
  const auto target = or_exit(target::RamTarget::create(std::move(config)));
  const auto listener =
      or_exit(test::RdmaListener::open(argv[1], static_cast<std::uint16_t>(*port), *target));
  fmt::print("listening\n");
  std::fflush(stdout);

  std::string pending;
  std::vector<int> fds;
  std::vector<pollfd> sleep_on;
  for (;;) {
    if (listener->poll() + target->poll() > 0) continue;
    if (!listener->arm()) continue;
    fds = {STDIN_FILENO, listener->fd()};
    listener->append_fds(fds);
    sleep_on.clear();
    for (const int fd : fds) sleep_on.push_back({fd, POLLIN, 0});
    if (::poll(sleep_on.data(), sleep_on.size(), -1) <= 0) continue;
    if (sleep_on[0].revents == 0) continue;
    const auto lines = lines_of_input(pending);
    if (!lines) break;
    for (const std::string& line : *lines) {
      fmt::print("{}: {}\n", line, obey(*target, *listener, line));
      std::fflush(stdout);
    }
  }
  target->set_online(false);
  target->poll();  // destroys its channels and their endpoints
  return 0;
}
