// SPDX-License-Identifier: Apache-2.0
// One end of a connection: its queue pair and its state at the connection manager. The user's endpoint owns
// it. The network has a pointer to it until it is destroyed.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "fabric/endpoint.hpp"
#include "loopback/queue_pair.hpp"

namespace srpi::loopback {

class Network;

class End {
 public:
  enum class Stage : std::uint8_t {
    resolving,   // active: waits for address resolution
    resolved,    // active: connect is permitted
    requesting,  // active: waits for the listener's reply
    offered,     // passive: the acceptor has the request
    replied,     // passive: has accepted, waits for ready_to_use
    established,
    ended,  // after a terminal event or the user's abort
  };

  End(Network&, std::shared_ptr<Device>, ConnectionNumber, bool active, std::string peer_name);
  ~End();
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // Called by the user; see fabric/endpoint.hpp.
  [[nodiscard]] Result<> connect(std::span<const std::byte> private_data);
  [[nodiscard]] Result<> accept(std::span<const std::byte> private_data);
  void reject(std::span<const std::byte> private_data) noexcept;
  void abort() noexcept;
  [[nodiscard]] std::optional<fabric::ConnectionEvent> next_event();

  // Called by the network.
  void raise(fabric::ConnectionEvent::Kind, Error = {}, std::span<const std::byte> private_data = {},
             std::size_t padded_bytes = 0);
  void on_resolved(bool reachable);
  void on_reply(std::span<const std::byte> private_data);
  void on_rejected(std::span<const std::byte> private_data, bool consumer, bool stale, Error);
  void on_unreachable();
  void on_ready_to_use();
  void on_peer_gone();
  void on_device_removed();

  Network& network;
  const std::shared_ptr<Device> device;
  const ConnectionNumber connection;
  const bool active;
  Stage stage;
  QueuePair queue_pair;
  fabric::Path path;
  fabric::ConnectOptions options;
  std::string service;             // active: the service to connect to
  bool compact_login = true;       // active
  std::vector<std::byte> request;  // passive: the request's private data, padded
  base::Time last_control_due{};   // keeps this end's messages in order

 private:
  void end(fabric::ConnectionEvent::Kind, Error);

  std::deque<fabric::ConnectionEvent> events_;
  bool aborted_ = false;  // the message to the peer is queued
};

// The private data of the connection manager's messages. The receiver sees it padded with zeroes to this
// length.
inline constexpr std::size_t kCompactRequestBytes = 56;
inline constexpr std::size_t kRequestBytes = 92;
inline constexpr std::size_t kReplyBytes = 196;
inline constexpr std::size_t kRejectBytes = 148;

}  // namespace srpi::loopback
