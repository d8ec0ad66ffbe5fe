// SPDX-License-Identifier: Apache-2.0
// Publishes a session's units as NBD exports on a Unix socket. This class accepts clients and negotiates
// (fixed newstyle); then the lane serves the client.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "export/export.hpp"
#include "lane/lane.hpp"
#include "nbd/negotiation.hpp"
#include "srpi/log_limit.hpp"
#include "support/unix_server.hpp"

namespace srp_nbd {

// The address of an export, as libnbd and qemu take it. What RFC 3986 does not permit, or reserves, is
// percent-encoded.
[[nodiscard]] std::string nbd_uri(std::string_view export_name, std::string_view socket_path);

// Its end does the same as withdraw.
class NbdSocket final : public Export, public std::enable_shared_from_this<NbdSocket> {
 public:
  NbdSocket(Executor, Lane&, std::string session_name, std::string path);

  // Makes the socket with mode 0600. A socket where no process answers is replaced. Errors: those of
  // UnixServer::listen.
  awaitable<Outcome<>> publish(std::vector<srpi::LogicalUnitInfo>) override;
  awaitable<Outcome<>> add(srpi::LogicalUnitInfo) override;
  // Removes the socket. Clients that are negotiating have a moment to be told that the session ends. Clients that
  // the lane serves end with the lane.
  awaitable<Outcome<>> withdraw() override;
  awaitable<Outcome<>> remove(std::uint64_t lun) override;
  // The clients that the lane serves.
  awaitable<Users> users(std::optional<std::uint64_t> lun = std::nullopt) override;
  void resize(const srpi::LogicalUnitInfo&) override;
  std::optional<LostDevice> connection_closed(std::uint64_t connection_id, const srpi::Error& why) override;
  [[nodiscard]] std::vector<ExportedUnit> units() const override;

 private:
  // Negotiates with one client and passes it to the lane. A client beyond the limit is told why it is turned away.
  [[nodiscard]] awaitable<void> serve(UnixServer::Socket&);
  // Returns nullopt if the client has ended the negotiation without an export.
  // An empty `turned_away` lets the client in.
  [[nodiscard]] awaitable<Outcome<std::optional<ExportInfo>>> negotiate(UnixServer::Socket&,
                                                                        std::string turned_away);
  [[nodiscard]] awaitable<void> turn_away(UnixServer::Socket&);
  void hand_on(UnixServer::Socket&, const ExportInfo&);
  void note_sent_away(const std::string& why);
  [[nodiscard]] std::size_t most_clients() const;
  [[nodiscard]] bool has_room() const;

  const Executor executor_;
  Lane& lane_;
  const std::string session_name_, path_;
  std::vector<srpi::LogicalUnitInfo> units_;
  std::unique_ptr<UnixServer> server_;  // published
  struct Client {
    pid_t process = 0;
    std::uint64_t lun = 0;
  };
  std::map<std::uint64_t, Client> served_;  // by connection: the clients that the lane serves
  std::size_t turned_away_ = 0;             // clients that are just being told that there is no room for them
  srpi::LogLimit sent_away_log_, no_room_log_, closed_log_, resized_log_;
};

}  // namespace srp_nbd
