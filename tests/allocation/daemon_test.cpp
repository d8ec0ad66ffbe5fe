// SPDX-License-Identifier: Apache-2.0
// One allocation fails in any thread of the daemon: the process says so and ends.
#include "daemon/daemon.hpp"

#include <fcntl.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <thread>

#include "failing_new.hpp"
#include "support/failure.hpp"
#include "support/unique_fd.hpp"

using namespace srp_nbd;
using namespace srpi::allocation;

namespace {

constexpr int kDeadlineSeconds = 20;

// True: the daemon has answered.
bool order(const std::string& path, const std::string& line) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval limit{kDeadlineSeconds, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  const auto text = line + "\n";
  if (::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return false;
  char first = 0;
  return ::recv(fd.get(), &first, 1, 0) == 1;
}

// The process of a daemon that is out of memory at allocation number n. Ends with success where there are fewer.
[[noreturn]] void run_out_of_memory(const std::string& folder, std::uint64_t n) {
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::null_sink_mt>()));
  DaemonOptions options;
  options.control_path = folder + "/control";
  std::promise<void> ready;
  options.on_ready = [&ready] { ready.set_value(); };
  std::thread([options] { (void)run_daemon(options); }).detach();
  ready.get_future().wait();
  const auto connect =
      R"({"command":"connect","target":"ram://64K","name":"a","channels":2,"listen":"unix:)" + folder +
      "/a\"}";
  {
    const FailNth fail(n, true);
    for (const auto& line : {connect, std::string(R"({"command":"list"})"),
                             std::string(R"({"command":"disconnect","name":"a"})"),
                             std::string(R"({"command":"erase","name":"a"})")})
      if (!order(options.control_path, line)) ::_exit(1);
  }
  ::_exit(0);
}

struct End {
  int status = -1;  // of the process
  std::string words;
};

End end_of_daemon(std::uint64_t n) {
  char name[] = "/tmp/srp-nbd-allocation.XXXXXX";
  const std::string folder = ::mkdtemp(name);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd read_end(ends[0]), write_end(ends[1]);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(write_end.get(), STDERR_FILENO);
    run_out_of_memory(folder, n);
  }
  write_end.reset();
  End end;
  char data[4096];
  for (ssize_t got = 0; (got = ::read(read_end.get(), data, sizeof data)) > 0;)
    end.words.append(data, static_cast<std::size_t>(got));
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) end.status = WEXITSTATUS(status);
  std::filesystem::remove_all(folder);
  return end;
}

}  // namespace

TEST_CASE("a daemon that is out of memory says so and ends, whichever allocation it was") {
  std::uint64_t n = 1;
  for (;; n += 1 + n / 4) {
    const auto end = end_of_daemon(n);
    INFO("allocation " << n << ": " << end.words);
    if (end.status == 0) break;  // there were fewer
    REQUIRE(end.status == static_cast<int>(ExitCode::out_of_memory));
    REQUIRE(end.words.find("srp-nbd: out of memory\n") != std::string::npos);
  }
  CHECK(n > 100);
}
