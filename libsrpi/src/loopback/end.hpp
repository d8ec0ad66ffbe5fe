// SPDX-License-Identifier: Apache-2.0
// One end of a connection: its queue pair, and how far the connection manager has got with it. The endpoint
// that a user holds owns it; the network knows it until it is destroyed.
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
    resolving,   // active: waits for its address
    resolved,    // active: may connect
    requesting,  // active: waits for the listener's answer
    offered,     // passive: was given the request
    replied,     // passive: accepted, waits for ready_to_use
    established,
    ended,  // a terminal event was raised, or the user aborted
  };

  End(Network&, std::shared_ptr<Device>, ConnectionNumber, bool active, std::string peer_name);
  ~End();
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  // The user's calls, see fabric/endpoint.hpp.
  [[nodiscard]] Result<> connect(std::span<const std::byte> private_data);
  [[nodiscard]] Result<> accept(std::span<const std::byte> private_data);
  void reject(std::span<const std::byte> private_data) noexcept;
  void abort() noexcept;
  [[nodiscard]] std::optional<fabric::ConnectionEvent> next_event();

  // The network's calls.
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
  std::string service;             // active: what it connects to
  bool compact_login = true;       // active
  std::vector<std::byte> request;  // passive: the request's private data, padded
  base::Time last_control_due{};   // what this end sends to the other keeps its order

 private:
  void end(fabric::ConnectionEvent::Kind, Error);

  std::deque<fabric::ConnectionEvent> events_;
  bool aborted_ = false;  // the peer has been told, or is about to be
};

// What the connection manager's messages have room for; a reader sees them padded with zeroes to that length.
inline constexpr std::size_t kCompactRequestBytes = 56;
inline constexpr std::size_t kRequestBytes = 92;
inline constexpr std::size_t kReplyBytes = 196;
inline constexpr std::size_t kRejectBytes = 148;

}  // namespace srpi::loopback
