// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "support/unique_fd.hpp"

namespace srp_nbd {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::size_t kMaxAnswerBytes = 64u << 20;

// Root may use every daemon. Other users may use root's and their own.
Outcome<> check_daemon(int fd, const std::string& path) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
      (::geteuid() == 0 || peer.uid == 0 || peer.uid == ::geteuid()))
    return {};
  return Failure{"permission_denied",
                 fmt::format("the process that answers at {} runs as uid {}; expected root or your own uid",
                             path, peer.uid)};
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

// A connection on which an order was sent.
class Conversation {
 public:
  explicit Conversation(UniqueFd fd) : fd_(std::move(fd)) {}

  // Returns the line with the answer. Prints "srp-nbd: connecting to … 3 s … 4 s" on standard error
  // meanwhile.
  [[nodiscard]] Outcome<std::string> first_line(const Patience& patience) {
    auto words = "srp-nbd: " + patience.doing + " ";
    auto result = await_line(patience, words);
    if (words.empty()) std::fprintf(stderr, "\n");
    return result;
  }
  // Passes each following line to `on_line`. Returns the reason of the end.
  [[nodiscard]] Failure follow(const std::function<void(std::string_view)>& on_line) {
    for (;;) {
      while (const auto line = next_line()) on_line(*line);
      if (auto ok = receive("the daemon has ended"); !ok) return ok.error();
    }
  }

 private:
  Outcome<std::string> await_line(const Patience& patience, std::string& words) {
    const auto begin = Clock::now();
    for (auto next_word = kQuietTime;;) {
      if (auto line = next_line()) return std::move(*line);
      const auto waited = Clock::now() - begin;
      if (patience.deadline && waited > *patience.deadline)
        return Failure{"timed_out", fmt::format("the daemon did not answer within {} s; see its log",
                                                patience.deadline->count() / 1000)};
      if (waited >= next_word && !patience.doing.empty()) {
        std::fprintf(stderr, "%s… %d s ", words.c_str(), static_cast<int>(next_word.count()));
        words.clear();  // said
        next_word += std::chrono::seconds(1);
      }
      pollfd readable{fd_.get(), POLLIN, 0};
      if (::poll(&readable, 1, 100) <= 0) continue;
      if (auto ok = receive("the daemon ended before it answered; see its log"); !ok) return ok.error();
    }
  }
  std::optional<std::string> next_line() {
    const auto end = received_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    auto line = received_.substr(0, end);
    received_.erase(0, end + 1);
    return line;
  }
  Outcome<> receive(const char* at_end) {
    if (received_.size() > kMaxAnswerBytes) return Failure{"bad_answer", "the daemon's line does not end"};
    char buffer[16384];
    const auto got = ::recv(fd_.get(), buffer, sizeof(buffer), 0);
    if (got < 0 && errno == EINTR) return {};
    if (got <= 0) return Failure{"no_daemon", at_end};
    received_.append(buffer, static_cast<std::size_t>(got));
    return {};
  }

  UniqueFd fd_;
  std::string received_;
};

Outcome<Conversation> send_order(const std::string& path, const Order& order) {
  auto fd = open_socket(path);
  if (!fd) return fd.error();
  const auto line = json::serialize(order_json(order)) + "\n";
  // A daemon that refuses us may have closed the connection, but its answer can still be read.
  if (::send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE)
    return Failure{"no_daemon", fmt::format("the daemon hung up: {}", std::strerror(errno))};
  return Conversation(std::move(*fd));
}

Outcome<json::object> answer_of(const std::string& path, const std::string& line) {
  boost::system::error_code error;
  auto value = json::parse(line, error);
  auto* answer = error ? nullptr : value.if_object();
  const auto* ok = answer ? answer->if_contains("ok") : nullptr;
  if (!ok || !ok->is_bool())
    return Failure{"bad_answer",
                   fmt::format("{} does not answer like an srp-nbd daemon: expected a JSON object", path)};
  if (ok->get_bool()) {
    answer->stable_erase("ok");
    return std::move(*answer);
  }
  Failure failure;
  const auto* details = answer->if_contains("error");
  if (!details || !JsonReader(Reading::answer).read(*details, failure))
    return Failure{"bad_answer", "the daemon reports a failure without saying which"};
  return failure;
}

}  // namespace

Outcome<json::object> ControlClient::exchange(const Order& order, const Patience& patience) const {
  auto talk = send_order(path_, order);
  if (!talk) return talk.error();
  const auto line = talk->first_line(patience);
  return line ? answer_of(path_, *line) : line.error();
}

Failure ControlClient::follow(const EventsOrder& order,
                              const std::function<void(std::string_view line)>& on_line) const {
  auto talk = send_order(path_, order);
  if (!talk) return talk.error();
  const auto line = talk->first_line({});
  if (!line) return line.error();
  if (auto answer = answer_of(path_, *line); !answer) return answer.error();
  return talk->follow(on_line);
}

}  // namespace srp_nbd
