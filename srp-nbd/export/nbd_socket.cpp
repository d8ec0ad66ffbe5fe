// SPDX-License-Identifier: Apache-2.0
#include "export/nbd_socket.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "export/device_users.hpp"
#include "frontend/nbd/serve.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// The limit for a client's negotiation, from accept to the transmission phase.
constexpr std::chrono::seconds kNegotiationTimeout{10};
constexpr std::size_t kLeastClients = 16;
// Clients may not take the last descriptors: the control socket needs some.
constexpr std::size_t kSpareDescriptors = 96;
// Clients beyond the limit that are told so at the same time. More of them are disconnected without a word.
constexpr std::size_t kMostTurnedAway = 16;
// For clients that are negotiating when the session is erased.
constexpr std::chrono::milliseconds kFarewell{300};
constexpr std::chrono::milliseconds kFarewellInterval{20};

// Leaves only "unreserved" characters as they are, and the slashes of a path.
std::string percent_encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("-._~/").find(c) != std::string_view::npos;
    if (is_plain)
      result += c;
    else
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

Failure hung_up() { return {"no_connect", "the client hung up while negotiating"}; }

}  // namespace

std::string nbd_uri(std::string_view export_name, std::string_view socket_path) {
  return fmt::format("nbd+unix:///{}?socket={}", percent_encoded(export_name), percent_encoded(socket_path));
}

NbdSocket::NbdSocket(Executor executor, Lane& lane, std::string session_name, std::string path)
    : executor_(std::move(executor)),
      lane_(lane),
      session_name_(std::move(session_name)),
      path_(std::move(path)) {}

awaitable<Outcome<>> NbdSocket::publish(std::vector<srpi::LogicalUnitInfo> infos) {
  auto server = UnixServer::listen(
      executor_, path_, session_name_,
      [weak = weak_from_this()](UnixServer::Socket& socket) -> awaitable<void> {
        if (const auto self = weak.lock()) co_await self->serve(socket);
      },
      kSpareDescriptors);
  if (!server) co_return server.error();
  server_ = std::move(*server);
  units_ = std::move(infos);
  co_return Outcome<>();
}

// Clients that negotiate later can choose it.
awaitable<Outcome<>> NbdSocket::add(srpi::LogicalUnitInfo info) {
  if (!server_) co_return Failure{"cancelled", "withdrawn meanwhile"};
  units_.push_back(std::move(info));
  co_return Outcome<>();
}

awaitable<Outcome<>> NbdSocket::withdraw() {
  const auto self = shared_from_this();
  if (server_) server_->stop_accepting();
  const auto limit = std::chrono::steady_clock::now() + kFarewell;
  while (server_ && server_->clients() > 0 && std::chrono::steady_clock::now() < limit)
    co_await pause(kFarewellInterval);
  server_.reset();
  units_.clear();
  co_return Outcome<>();
}

// More than units, because a client may open an export several times.
std::size_t NbdSocket::most_clients() const {
  return std::clamp<std::size_t>(4 * units_.size(), kLeastClients, lane_.options().max_connections);
}

bool NbdSocket::has_room() const {
  return server_->clients() - turned_away_ + served_.size() <= most_clients();  // the new client counts
}

awaitable<void> NbdSocket::turn_away(UnixServer::Socket& socket) {
  const auto self = shared_from_this();
  const auto why = fmt::format("{} has {} clients already, which is the limit", path_, most_clients());
  if (const auto end = no_room_log_.pass())
    spdlog::warn("{}: an NBD client was turned away: {}{}", session_name_, why, *end);
  if (turned_away_ == kMostTurnedAway) co_return;
  ++turned_away_;
  (void)co_await within(kNegotiationTimeout, negotiate(socket, why));
  --turned_away_;
}

awaitable<void> NbdSocket::serve(UnixServer::Socket& socket) {
  const auto self = shared_from_this();
  if (!has_room()) co_return co_await turn_away(socket);
  const std::string welcome;
  const auto chosen = co_await within(kNegotiationTimeout, negotiate(socket, welcome));
  if (!server_) co_return;
  if (!chosen)
    note_sent_away(fmt::format("a client of {} did not finish its negotiation within {} s", path_,
                               kNegotiationTimeout.count()));
  else if (!*chosen)
    note_sent_away(chosen->error().message);
  else if (**chosen)
    hand_on(socket, ***chosen);
}

awaitable<Outcome<std::optional<ExportInfo>>> NbdSocket::negotiate(UnixServer::Socket& socket,
                                                                   std::string turned_away) {
  Negotiation negotiation([this] {
    std::vector<ExportInfo> exports;
    for (const auto& unit : units_) exports.push_back(describe_export(unit, lane_.options()));
    return exports;
  });
  if (!turned_away.empty()) negotiation.turn_away(nbd::OptionReply::error_policy, turned_away);
  std::array<std::byte, 4096> input;
  bool has_excess = false;
  error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
  for (;;) {
    const auto output = negotiation.take_output();
    co_await asio::async_write(socket, asio::buffer(output), token);
    // A client may leave after ABORT without waiting for the answer.
    if (error && negotiation.outcome() != Negotiation::Outcome::ended) co_return hung_up();
    switch (negotiation.outcome()) {
      case Negotiation::Outcome::going_on: break;
      case Negotiation::Outcome::transmission:
        // A client must send requests only after the answer to GO. Earlier bytes were read here, so the lane
        // would not get them.
        if (has_excess) co_return Failure{"protocol_error", "the client sent requests before it was let in"};
        co_return negotiation.chosen();
      case Negotiation::Outcome::ended: co_return std::nullopt;
      case Negotiation::Outcome::refused: co_return Failure{"protocol_error", negotiation.problem()};
    }
    const auto bytes = co_await socket.async_read_some(asio::buffer(input), token);
    if (error || !server_) co_return hung_up();
    if (!server_->is_accepting())
      negotiation.turn_away(nbd::OptionReply::error_shutdown, "the session is being erased");
    const auto consumed = negotiation.feed({input.data(), bytes});
    has_excess = consumed < bytes;
  }
}

awaitable<Outcome<>> NbdSocket::remove(std::uint64_t lun) {
  std::erase_if(units_, [lun](const auto& unit) { return unit.lun == lun; });
  for (const auto& [id, client] : served_)
    if (client.lun == lun) lane_.drop(id);
  co_return Outcome<>();
}

awaitable<Export::Users> NbdSocket::users(std::optional<std::uint64_t> lun) {
  std::vector<std::string> all;
  for (const auto& [id, client] : served_)
    if (!lun || client.lun == *lun)
      all.push_back(fmt::format("process {} ({}) is an NBD client of {}", client.process,
                                name_of_process(client.process), path_));
  co_return all;
}

void NbdSocket::hand_on(UnixServer::Socket& socket, const ExportInfo& info) {
  error_code error;
  const auto client = peer_of(socket.native_handle()).value_or(ucred{}).pid;
  UniqueFd fd(socket.release(error));
  if (error) return note_sent_away(error.message());
  const auto id = next_connection_id();
  served_.emplace(id, Client{client, info.lun});
  serve_nbd(lane_, id, std::move(fd), info.lun, info.max_request_bytes);
}

void NbdSocket::note_sent_away(const std::string& why) {
  if (const auto end = sent_away_log_.pass())
    spdlog::info("{}: an NBD client was sent away: {}{}", session_name_, why, *end);
}

void NbdSocket::resize(const srpi::LogicalUnitInfo& info) {
  for (auto& unit : units_) {
    if (unit.lun != info.lun) continue;
    if (const auto end = unit.blocks != info.blocks ? resized_log_.pass() : std::nullopt)
      spdlog::info("{}: lun {} has now {} blocks, had {}; clients see it when they open it again{}",
                   session_name_, info.lun, info.blocks, unit.blocks, *end);
    unit = info;
  }
}

std::optional<Export::LostDevice> NbdSocket::connection_closed(std::uint64_t connection_id,
                                                               const srpi::Error& why) {
  served_.erase(connection_id);
  if (why.code != srpi::Errc::ok)
    if (const auto end = closed_log_.pass())
      spdlog::info("{}: an NBD client's connection was closed: {}{}", session_name_, why.message(), *end);
  return std::nullopt;
}

std::vector<ExportedUnit> NbdSocket::units() const {
  std::vector<ExportedUnit> result;
  for (const auto& unit : units_)
    result.push_back({unit, {}, nbd_uri(describe_export(unit, lane_.options()).name, path_)});
  return result;
}

}  // namespace srp_nbd
