// SPDX-License-Identifier: Apache-2.0
// One allocation fails in any thread of the daemon while every kind of order and client runs. An order fails
// with a message or succeeds, the same order succeeds when it is repeated, and a client with I/O is not
// affected.
#include "daemon/daemon.hpp"

#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "failing_new.hpp"
#include "nbd/wire.hpp"
#include "support/unique_fd.hpp"

using namespace srp_nbd;
using namespace srpi::allocation;

namespace {

constexpr int kDeadlineSeconds = 20;
std::string last_order;

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{kDeadlineSeconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  must(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
       "somebody listens");
  return fd;
}

bool send_all(int fd, const void* data, std::size_t bytes) {
  return ::send(fd, data, bytes, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes);
}

// Receives at most `bytes`. Returns 0 if the daemon closed the connection.
std::size_t receive_some(int fd, void* data, std::size_t bytes) {
  const auto n = ::recv(fd, data, bytes, 0);
  if (n < 0 && errno != ECONNRESET) std::fprintf(stderr, "no answer after: %s\n", last_order.c_str());
  must(n >= 0 || errno == ECONNRESET, "an answer comes within its deadline, or the end of the connection");
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

// Returns false if the daemon closed the connection.
bool receive_all(int fd, void* data, std::size_t bytes) {
  auto* p = static_cast<char*>(data);
  while (bytes > 0) {
    const auto n = receive_some(fd, p, bytes);
    if (n == 0) return false;
    p += n;
    bytes -= n;
  }
  return true;
}

// Returns the first line; more received bytes are dropped.
std::string receive_line(int fd) {
  std::string text;
  char data[4096];
  while (text.find('\n') == std::string::npos) {
    const auto n = receive_some(fd, data, sizeof data);
    if (n == 0) return text;
    text.append(data, n);
  }
  return text.substr(0, text.find('\n'));
}

struct Daemon {
  Daemon() {
    spdlog::set_default_logger(
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::null_sink_mt>()));
    char name[] = "/tmp/srp-nbd-allocation.XXXXXX";
    folder = ::mkdtemp(name);
    DaemonOptions options;
    options.control_path = folder + "/control";
    std::promise<void> ready;
    options.on_ready = [&ready] { ready.set_value(); };
    thread = std::thread([this, options] { outcome = run_daemon(options); });
    ready.get_future().wait();
  }
  ~Daemon() {
    ::kill(::getpid(), SIGTERM);
    thread.join();
    std::filesystem::remove_all(folder);
  }

  // Returns an empty text if the connection ended without an answer.
  std::string order(const std::string& line) const {
    last_order = line;
    const auto fd = connect_to(folder + "/control");
    if (!send_all(fd.get(), (line + "\n").data(), line.size() + 1)) return {};
    return receive_line(fd.get());
  }
  static bool is_ok(const std::string& answer) { return answer.find("\"ok\":true") != std::string::npos; }
  // The failed allocation may have been the built-in target's or the fabric's, which looks like an outage.
  static bool is_excused(const std::string& answer) {
    for (const auto* code : {"no_memory", "connect_timed_out", "refused", "no_connect"})
      if (answer.find(std::string("\"code\":\"") + code) != std::string::npos) return true;
    std::fprintf(stderr, "answer: %s\n", answer.c_str());
    return false;
  }
  // Repeats the order if it failed with no_memory.
  std::string insist_on(const std::string& line) const {
    auto answer = order(line);
    if (is_ok(answer)) return answer;
    must(answer.empty() || is_excused(answer), "what fails, fails for memory");
    // Now it must not fail for another reason, such as a busy machine.
    auto again = line;
    const std::string limit = "timeout_ms\":500";
    if (const auto at = again.find(limit); at != std::string::npos)
      again.replace(at, limit.size(), "timeout_ms\":9000");
    answer = order(again);
    // The order may have succeeded, and only its answer failed.
    const bool is_done =
        answer.find("the name \\\"b\\\" is taken") != std::string::npos ||
        (answer.find("no_such_session") != std::string::npos && line.find("erase") != std::string::npos);
    if (!is_ok(answer) && !is_done) std::fprintf(stderr, "answer: %s\n", answer.c_str());
    must(is_ok(answer) || is_done, "the same order again succeeds");
    return answer;
  }

  std::string folder;
  std::thread thread;
  Outcome<> outcome;
};

// The newstyle handshake with NBD_OPT_EXPORT_NAME. Returns no descriptor if the daemon closed the connection.
UniqueFd negotiate(const std::string& path) {
  auto fd = connect_to(path);
  char greeting[18];
  if (!receive_all(fd.get(), greeting, sizeof greeting)) return {};
  const unsigned char flags_and_option[] = {0, 0, 0, 3, 'I', 'H', 'A', 'V', 'E', 'O', 'P', 'T',
                                            0, 0, 0, 1, 0,   0,   0,   4,   'l', 'u', 'n', '0'};
  if (!send_all(fd.get(), flags_and_option, sizeof flags_and_option)) return {};
  char info[10];
  if (!receive_all(fd.get(), info, sizeof info)) return {};
  return fd;
}

enum class Outage { excused, not_excused };

bool read_block(int fd, Outage outage = Outage::not_excused) {
  const nbd::RequestHeader h{
      nbd::kRequestMagic, 0, static_cast<std::uint16_t>(nbd::Command::read), 7, 0, 512};
  if (!send_all(fd, &h, sizeof h)) return false;
  nbd::SimpleReply reply;
  char data[512];
  if (!receive_all(fd, &reply, sizeof reply)) return false;
  if (std::uint32_t{reply.error} != 0 && outage == Outage::excused) return false;
  must(std::uint32_t{reply.error} == 0, "reads succeed");
  return receive_all(fd, data, sizeof data);
}

// If the failed allocation was the built-in target's, it drops its connections, and a read may fail in that
// outage. The session is back after some tens of milliseconds.
void read_through_new_client(const std::string& path, Outage outage = Outage::not_excused) {
  const int most_tries = outage == Outage::excused ? 50 : 3;
  for (int tries = 0;; ++tries) {
    must(tries < most_tries, "a client gets in and is served, if not at once");
    const auto fd = negotiate(path);
    if (fd && read_block(fd.get(), outage)) return;
    if (outage == Outage::excused) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace

TEST_CASE(
    "the daemon lives through any one failed allocation: each order, publication, negotiation, events") {
  const Daemon daemon;
  const auto path_a = daemon.folder + "/a", path_b = daemon.folder + "/b";
  REQUIRE(Daemon::is_ok(daemon.order(
      R"({"command":"connect","target":"ram://64K","name":"a","listen":"unix:)" + path_a + "\"}")));
  const auto running = negotiate(path_a);
  REQUIRE(static_cast<bool>(running));
  const auto one_round = [&](auto failing) {
    failing([&] {
      const auto order = [&](const std::string& line) {
        daemon.insist_on(line);
        must(read_block(running.get()), "running I/O goes on");
      };
      order(R"({"command":"list"})");
      order(
          R"({"command":"connect","target":"ram://64K","name":"b","channels":3,"connect_timeout_ms":500,"reconnect_delay_ms":20,"listen":"unix:)" +
          path_b + "\"}");
      order(R"({"command":"show","name":"b"})");
      read_through_new_client(path_b, Outage::excused);  // its channels may still log in
      order(R"({"command":"reset","name":"b"})");
      order(R"({"command":"abort","name":"b","lun":0})");
      order(R"({"command":"target","name":"b","online":false})");
      order(R"({"command":"target","name":"b","online":true})");
      order(R"({"command":"disconnect","name":"b"})");
      order(R"({"command":"reconnect","name":"b"})");
      {
        const auto follower = connect_to(daemon.folder + "/control");
        const std::string line = "{\"command\":\"events\"}\n";
        if (send_all(follower.get(), line.data(), line.size())) (void)receive_line(follower.get());
      }
      order(R"({"command":"erase","name":"b"})");
      must(!Daemon::is_ok(daemon.order("garbage")), "garbage is refused");
      read_through_new_client(path_a);
    });
    must(!std::filesystem::exists(path_b), "nothing of the erased session is left");
    must(daemon.order(R"({"command":"list"})").find("\"name\":\"b\"") == std::string::npos,
         "the session is gone");
  };
  one_round([](auto work) { work(); });
  const auto count = fail_each(one_round, true);
  CHECK(count > 100);
  WARN(count << " allocations, each failed once");
}
