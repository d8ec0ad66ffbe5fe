// SPDX-License-Identifier: Apache-2.0
#include "control/client.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cstdio>
#include <utility>

#include "support/unix_server.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using Protocol = asio::local::stream_protocol;
using boost::system::error_code;

constexpr std::chrono::seconds kQuietTime{2};
constexpr std::size_t kMaxAnswerBytes = 64u << 20;

// Root may use every daemon. Other users may use root's and their own.
Outcome<> check_daemon(int fd, const std::string& path) {
  const auto peer = peer_of(fd);
  if (peer && (::geteuid() == 0 || peer->uid == 0 || peer->uid == ::geteuid())) return {};
  return Failure{"permission_denied",
                 fmt::format("the process that answers at {} runs as uid {}; expected root or your own uid",
                             path, peer ? std::to_string(peer->uid) : "?")};
}

// A connection to the daemon.
class Conversation {
 public:
  Outcome<> open(const std::string& path) {
    if (path.size() > kMaxSocketPath)
      return Failure{"usage",
                     fmt::format("--control: expected a path of at most {} characters", kMaxSocketPath)};
    error_code error;
    socket_.open(Protocol(), error);
    if (error) return Failure{"failed", fmt::format("cannot make a socket: {}", error.message())};
    socket_.connect(Protocol::endpoint(path), error);
    if (!error) return check_daemon(socket_.native_handle(), path);
    if (error == asio::error::access_denied || error == asio::error::no_permission)
      return Failure{"permission_denied",
                     fmt::format("no permission to talk to the daemon at {}: use sudo, or name your "
                                 "own daemon's socket with --control",
                                 path)};
    return Failure{"no_daemon",
                   fmt::format("no daemon answers at {} ({}): start one with `srp-nbd daemon`{}", path,
                               error.message(), ::geteuid() == 0 ? " or `systemctl start srp-nbd`" : "")};
  }

  Outcome<> send(const std::string& line) {
    error_code error;
    asio::write(socket_, asio::buffer(line), error);
    // A daemon that refuses us may have closed the connection, but its answer can still be read.
    if (!error || error == asio::error::broken_pipe) return {};
    return Failure{"no_daemon", fmt::format("the daemon hung up: {}", error.message())};
  }

  // Waits for the next line. Prints "srp-nbd: connecting to … 3 s … 4 s" on standard error meanwhile.
  Outcome<std::string> next_line(const Patience& patience, const char* at_end) {
    std::optional<error_code> end;
    std::size_t bytes = 0;
    asio::async_read_until(socket_, asio::dynamic_buffer(received_, kMaxAnswerBytes), '\n',
                           [&](error_code error, std::size_t n) { end = error, bytes = n; });
    await(patience, [&] { return end.has_value(); });
    if (!end)
      return Failure{"timed_out", fmt::format("the daemon did not answer within {} s; see its log",
                                              patience.deadline->count() / 1000)};
    if (*end == asio::error::not_found) return Failure{"bad_answer", "the daemon's line does not end"};
    if (*end) return Failure{"no_daemon", at_end};
    auto line = received_.substr(0, bytes - 1);
    received_.erase(0, bytes);
    return line;
  }

 private:
  // Runs until the operation has ended or the deadline is over.
  template<class HasEnded>
  void await(const Patience& patience, HasEnded has_ended) {
    const auto begin = Clock::now();
    const bool is_endless = !patience.deadline && patience.doing.empty();
    const Clock::duration tick = is_endless ? std::chrono::hours(1) : std::chrono::milliseconds(100);
    auto said = kQuietTime - std::chrono::seconds(1);
    io_.restart();
    for (;;) {
      io_.run_for(tick);
      const auto waited = Clock::now() - begin;
      if (has_ended() || (patience.deadline && waited > *patience.deadline)) break;
      if (patience.doing.empty() || waited < said + std::chrono::seconds(1)) continue;
      if (said < kQuietTime) std::fprintf(stderr, "srp-nbd: %s ", patience.doing.c_str());
      std::fprintf(stderr, "… %d s ", static_cast<int>((++said).count()));
    }
    if (said >= kQuietTime) std::fprintf(stderr, "\n");
  }

  asio::io_context io_;
  Protocol::socket socket_{io_};
  std::string received_;
};

Outcome<json::object> answer_of(const std::string& path, const std::string& line) {
  error_code error;
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

Outcome<json::object> ControlClient::exchange(const Order& order, const Patience& patience,
                                              const OnLine& on_line) const try {
  Conversation talk;
  if (auto ok = talk.open(path_); !ok) return ok.error();
  if (auto ok = talk.send(json::serialize(order_json(order)) + "\n"); !ok) return ok.error();
  const auto line = talk.next_line(patience, "the daemon ended before it answered; see its log");
  if (!line) return line.error();
  auto answer = answer_of(path_, *line);
  if (!answer || !on_line) return answer;
  for (;;) {
    const auto next = talk.next_line({std::nullopt, {}}, "the daemon has ended");
    if (!next) return next.error();
    on_line(*next);
  }
} catch (const boost::system::system_error& error) {  // no file descriptor for Asio's own needs
  return Failure{"failed", fmt::format("cannot talk to the daemon: {}", error.what())};
}

}  // namespace srp_nbd
