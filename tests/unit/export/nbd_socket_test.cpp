// SPDX-License-Identifier: Apache-2.0
// Clients that a socket turns away: beyond the limit, and while the session is being erased.
#include "export/nbd_socket.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "catch2/catch.hpp"
#include "support/unique_fd.hpp"
#include "test/awaited.hpp"
#include "test/closed_connections.hpp"
#include "test/fake_session.hpp"

using namespace std::chrono_literals;
using namespace srp_nbd;

namespace {

constexpr std::uint32_t kExportName = 1, kAbort = 2, kGo = 7;
constexpr std::uint32_t kAck = 1, kInfo = 3, kPolicy = 0x80000002, kShutdown = 0x80000007;

std::string scratch_folder() {
  std::string name = "/tmp/srp-nbd-unit.XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  return name;
}

// Collects the log's lines.
struct Log {
  Log() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("", sink)); }
  ~Log() { spdlog::set_default_logger(before); }
  [[nodiscard]] std::size_t count(const std::string& words) const {
    const auto text = stream.str();
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = text.find(words, at)) != std::string::npos; ++at) ++lines;
    return lines;
  }

  const std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  std::ostringstream stream;
  const std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink =
      std::make_shared<spdlog::sinks::ostream_sink_mt>(stream);
};

// A socket with one unit, and its clients' ends.
struct Serving {
  Serving() {
    auto observer = std::make_unique<ClosedConnections>([this](std::uint64_t id, const srpi::Error& why) {
      boost::asio::post(io, [this, id, why] { (void)socket->connection_closed(id, why); });
    });
    auto started = Lane::start(
        [](srpi::SessionObserver*) -> srpi::Result<std::unique_ptr<srpi::Session>> {
          return std::unique_ptr<srpi::Session>(std::make_unique<FakeSession>(8));
        },
        std::move(observer), {});
    REQUIRE(started.has_value());
    lane = std::move(*started);
    socket = std::make_shared<NbdSocket>(io.get_executor(), *lane, "test", path);
    srpi::LogicalUnitInfo unit;
    unit.blocks = 8;
    std::vector<Outcome<>> published;
    collect(io, published, socket->publish({unit}));
    turn();
    REQUIRE(published.size() == 1);
    REQUIRE(published[0].has_value());
  }
  ~Serving() {
    lane.reset();
    turn();
    socket.reset();
    turn();
    std::filesystem::remove_all(folder);
  }

  void turn() {
    io.restart();
    io.poll();
  }
  UniqueFd connect() {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::send(fd.get(), "\0\0\0\3", 4, 0) == 4);  // the client's flags
    turn();
    return fd;
  }
  // Sends one option for the export "lun0".
  void ask(const UniqueFd& client, std::uint32_t option) {
    std::string bytes("IHAVEOPT\0\0\0", 11);
    bytes += static_cast<char>(option);
    if (option == kGo)
      bytes += std::string("\0\0\0\12\0\0\0\4lun0\0\0", 14);
    else
      bytes += std::string(4, '\0');
    REQUIRE(::send(client.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    turn();
  }
  // Everything that has arrived.
  static std::string received(const UniqueFd& client) {
    std::string bytes(65536, '\0');
    const auto count = ::recv(client.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
  }
  static bool has_ended(const UniqueFd& client) {
    char byte = 0;
    const auto count = ::recv(client.get(), &byte, 1, MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno == ECONNRESET);  // reset: it has not read what was sent
  }
  // The type of the first reply after the greeting, and its text.
  static std::pair<std::uint32_t, std::string> first_reply(const std::string& bytes) {
    REQUIRE(bytes.size() >= 38);
    nbd::be32 type, length;
    std::memcpy(&type, bytes.data() + 30, 4);
    std::memcpy(&length, bytes.data() + 34, 4);
    return {type, bytes.substr(38, length)};
  }

  Log log;
  const std::filesystem::path folder = scratch_folder();
  const std::string path = folder / "nbd.sock";
  boost::asio::io_context io;
  std::unique_ptr<Lane> lane;
  std::shared_ptr<NbdSocket> socket;
};

}  // namespace

TEST_CASE("a client beyond the limit is told why, and one more is let in when another has left") {
  Serving s;
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 16; ++i) clients.push_back(s.connect());
  {
    const auto late = s.connect();
    s.ask(late, kGo);
    const auto [type, words] = Serving::first_reply(Serving::received(late));
    CHECK(type == kPolicy);
    CHECK(words == s.path + " has 16 clients already, which is the limit");
    CHECK_FALSE(Serving::has_ended(late));
    CHECK(s.log.count("[warning] test: an NBD client was turned away: " + words) == 1);
  }
  const auto old = s.connect();
  s.ask(old, kExportName);  // it cannot be answered
  CHECK(Serving::received(old).size() == 18);
  CHECK(Serving::has_ended(old));
  const auto polite = s.connect();
  s.ask(polite, kAbort);
  CHECK(Serving::first_reply(Serving::received(polite)).first == kAck);
  CHECK(Serving::has_ended(polite));

  clients.pop_back();
  s.turn();
  const auto next = s.connect();
  s.ask(next, kGo);
  CHECK(Serving::first_reply(Serving::received(next)).first == kInfo);
}

TEST_CASE("of a flood of clients, only some are told why there is no room, and the log stays short") {
  Serving s;
  std::vector<UniqueFd> clients, told;
  for (int i = 0; i < 16; ++i) clients.push_back(s.connect());
  for (int i = 0; i < 16; ++i) told.push_back(s.connect());
  for (int i = 0; i < 100; ++i) {
    const auto more = s.connect();
    REQUIRE(Serving::has_ended(more));
  }
  CHECK(s.log.count("was turned away") == 5);
  for (const auto& client : told) {
    s.ask(client, kGo);
    CHECK(Serving::first_reply(Serving::received(client)).first == kPolicy);
  }
  for (const auto& client : clients) {
    s.ask(client, kGo);
    CHECK(Serving::first_reply(Serving::received(client)).first == kInfo);
  }
}

TEST_CASE("clients that connect and leave cost few lines of the log") {
  Serving s;
  for (int i = 0; i < 1000; ++i) {
    (void)s.connect();
    s.turn();
  }
  CHECK(s.log.count("the client hung up while negotiating") == 5);
  const auto client = s.connect();
  s.ask(client, kGo);
  CHECK(Serving::first_reply(Serving::received(client)).first == kInfo);
}

TEST_CASE("a client that is negotiating while the session is erased is told so") {
  Serving s;
  const auto client = s.connect(), idle = s.connect();
  std::vector<Outcome<>> withdrawn;
  collect(s.io, withdrawn, s.socket->withdraw());
  s.turn();
  CHECK_FALSE(std::filesystem::exists(s.path));
  s.ask(client, kGo);
  const auto [type, words] = Serving::first_reply(Serving::received(client));
  CHECK(type == kShutdown);
  CHECK(words == "the session is being erased");
  s.ask(client, kAbort);
  for (int i = 0; i < 2000 && withdrawn.empty(); ++i) {  // the idle client does not delay it for long
    s.io.restart();
    s.io.run_for(5ms);
  }
  CHECK(withdrawn.size() == 1);
  s.turn();
  CHECK(Serving::received(idle).size() == 18);
  CHECK(Serving::has_ended(idle));
}
