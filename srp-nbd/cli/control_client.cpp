// SPDX-License-Identifier: Apache-2.0
#include "cli/control_client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::size_t kMaxAnswerBytes = 64u << 20;

// Root may talk to anybody's daemon; others to root's and their own.
Outcome<> check_daemon(int fd, const std::string& path) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
      (::geteuid() == 0 || peer.uid == 0 || peer.uid == ::geteuid()))
    return {};
  return Failure{"permission_denied",
                 fmt::format("whoever answers at {} is neither root nor you, but uid {}", path, peer.uid)};
}

Outcome<UniqueFd> open_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return Failure{"usage", fmt::format("--control: expected a path of at most {} characters",
                                        sizeof(address.sun_path) - 1)};
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return Failure{"failed", fmt::format("cannot make a socket: {}", std::strerror(errno))};
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    if (auto ok = check_daemon(fd.get(), path); !ok) return ok.error();
    return fd;
  }
  if (errno == EACCES || errno == EPERM)
    return Failure{"permission_denied",
                   fmt::format("no permission to talk to the daemon at {}: use sudo, or name your "
                               "own daemon's socket with --control",
                               path)};
  return Failure{"no_daemon",
                 fmt::format("no daemon answers at {} ({}): start one with `srp-nbd daemon`{}", path,
                             std::strerror(errno), ::geteuid() == 0 ? " or `systemctl start srp-nbd`" : "")};
}

Outcome<> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    // A daemon that refuses us may have hung up already; its words can still be read.
    if (sent < 0 && errno == EPIPE) return {};
    if (sent < 0) return Failure{"no_daemon", fmt::format("the daemon hung up: {}", std::strerror(errno))};
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

// "srp-nbd: connecting to … 3 s … 4 s", on a line of its own.
class Progress {
 public:
  explicit Progress(const std::string& doing) : doing_(doing) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (has_spoken_) std::fprintf(stderr, "\n");
  }
  void waited(Clock::duration time) {
    if (doing_.empty() || time < next_word_) return;
    if (!std::exchange(has_spoken_, true)) std::fprintf(stderr, "srp-nbd: %s ", doing_.c_str());
    std::fprintf(stderr, "… %lld s ", static_cast<long long>(next_word_.count()));
    next_word_ += std::chrono::seconds(1);
  }

 private:
  const std::string& doing_;
  std::chrono::seconds next_word_ = kQuietTime;
  bool has_spoken_ = false;
};

// `received`: what has come already, and afterwards what came behind the line.
Outcome<std::string> receive_line(int fd, const ControlCall& call, std::string& received) {
  const auto begin = Clock::now();
  Progress progress(call.doing);
  for (;;) {
    if (const auto end = received.find('\n'); end != std::string::npos) {
      auto line = received.substr(0, end);
      received.erase(0, end + 1);
      return line;
    }
    if (received.size() > kMaxAnswerBytes) return Failure{"bad_answer", "the daemon's answer does not end"};
    const auto waited = Clock::now() - begin;
    if (call.deadline && waited > *call.deadline)
      return Failure{"timed_out",
                     fmt::format("the daemon did not answer within {} s; see its log",
                                 std::chrono::duration_cast<std::chrono::seconds>(*call.deadline).count())};
    progress.waited(waited);
    pollfd readable{fd, POLLIN, 0};
    if (::poll(&readable, 1, 100) <= 0) continue;
    char buffer[16384];
    const auto got = ::recv(fd, buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Failure{"no_daemon", "the daemon ended before it answered; see its log"};
    received.append(buffer, static_cast<std::size_t>(got));
  }
}

Outcome<boost::json::object> answer_of(const ControlCall& call, const std::string& line) {
  boost::system::error_code error;
  auto value = boost::json::parse(line, error);
  const auto* answer = error ? nullptr : value.if_object();
  const auto* ok = answer ? answer->if_contains("ok") : nullptr;
  if (!ok || !ok->is_bool())
    return Failure{
        "bad_answer",
        fmt::format("{} does not answer like an srp-nbd daemon: expected a JSON object", call.path)};
  if (ok->get_bool()) return *answer;
  const auto* failure = answer->if_contains("error");
  const auto* details = failure ? failure->if_object() : nullptr;
  const auto* code = details ? details->if_contains("code") : nullptr;
  const auto* message = details ? details->if_contains("message") : nullptr;
  if (!code || !code->is_string() || !message || !message->is_string())
    return Failure{"bad_answer", "the daemon reports a failure without saying which"};
  return Failure{std::string(code->get_string()), std::string(message->get_string())};
}

// The connection on which the answer will come.
Outcome<UniqueFd> send_order(const ControlCall& call) {
  auto fd = open_socket(call.path);
  if (!fd) return fd.error();
  if (auto ok = send_all(fd->get(), boost::json::serialize(call.order) + "\n"); !ok) return ok.error();
  return fd;
}

}  // namespace

Outcome<boost::json::object> call_daemon(const ControlCall& call) {
  auto fd = send_order(call);
  if (!fd) return fd.error();
  std::string received;
  auto line = receive_line(fd->get(), call, received);
  if (!line) return line.error();
  return answer_of(call, *line);
}

Failure follow_daemon(const ControlCall& call, const std::function<void(std::string_view line)>& on_line) {
  auto fd = send_order(call);
  if (!fd) return fd.error();
  std::string received;
  auto line = receive_line(fd->get(), call, received);
  if (!line) return line.error();
  if (auto answer = answer_of(call, *line); !answer) return answer.error();
  for (;;) {
    std::size_t begin = 0;
    for (std::size_t end; (end = received.find('\n', begin)) != std::string::npos; begin = end + 1)
      on_line(std::string_view(received).substr(begin, end - begin));
    received.erase(0, begin);
    if (received.size() > kMaxAnswerBytes) return {"bad_answer", "the daemon's line does not end"};
    char buffer[16384];
    const auto got = ::recv(fd->get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return {"no_daemon", "the daemon has ended"};
    received.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace srp_nbd
