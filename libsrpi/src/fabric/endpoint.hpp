// SPDX-License-Identifier: Apache-2.0
// The seam between SRP and what carries it: one queue pair with its completion queue, and how it gets connected.
// Everything here belongs to one thread. One virtual call per batch, never per request.
//
// Life of an ActiveEndpoint:
//   Fabric::open            starts the look-up of host names, or at once address and route resolution
//   event `resolved`        device() and path() are known: register memory, create_queues, post receives, connect
//   event `established`     private_data holds the peer's reply (SRP_LOGIN_RSP); sends may be posted
//   event `rejected`        the peer said no; private_data may hold SRP_LOGIN_REJ
//   event `failed`          any step failed; terminal
//   event `disconnected`    the peer, the CM or the device ended an established connection; terminal
// abort() ends it at any point, locally.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fabric/memory.hpp"
#include "fabric/work.hpp"
#include "srpi/error.hpp"
#include "srpi/target_address.hpp"

namespace srpi::fabric {

struct QueueLimits {
  std::uint32_t send_depth = 0;     // work requests
  std::uint32_t receive_depth = 0;  // work requests
  std::uint32_t send_sges = 2;
  std::uint32_t inline_bytes = 0;       // wanted; inline_bytes() tells what was got
  std::uint32_t completion_vector = 0;  // which interrupt of the device; taken modulo those it has
};

// Which way the connection goes, for people and fabric monitors.
struct Path {
  std::string device;     // "rxe0"
  std::uint8_t port = 0;  // of the device, from 1
  std::array<std::uint8_t, 16> source_gid{};
  std::array<std::uint8_t, 16> destination_gid{};
  std::string source;       // IP address, or GID in text
  std::string destination;  // "IP:PORT", or GID in text
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;

  [[nodiscard]] virtual std::shared_ptr<Device> device() const = 0;
  [[nodiscard]] virtual const Path& path() const = 0;

  [[nodiscard]] virtual Result<> create_queues(const QueueLimits&) = 0;
  [[nodiscard]] virtual std::uint32_t inline_bytes() const noexcept = 0;

  // Both post everything or report the error that kept them from it (the rest is then not posted, and the
  // connection is of no further use). Receives may be posted as soon as the queues exist.
  [[nodiscard]] virtual Result<> post_send(std::span<const SendWork>) noexcept = 0;
  [[nodiscard]] virtual Result<> post_receive(std::span<const ReceiveWork>) noexcept = 0;
  [[nodiscard]] virtual std::size_t poll(std::span<Completion>) noexcept = 0;

  // Asks for one wake-up at the next completion. False: something is there already, poll again, do not sleep.
  [[nodiscard]] virtual bool arm() noexcept = 0;
  // What to sleep on (POLLIN), complete once `resolved` was seen. Loopback: none.
  virtual void append_fds(std::vector<int>&) const = 0;

  // Ends the connection at once and without asking anybody: the queue pair goes to ERROR and is destroyed (the
  // peer is told as far as that needs no waiting). When it returns, nothing can reach memory through this endpoint
  // any more, and no completion will come: every posted buffer is the caller's again. May be called twice.
  virtual void abort() noexcept = 0;
};

struct ConnectionEvent {
  enum class Kind : std::uint8_t { resolved, established, rejected, failed, disconnected };
  Kind kind = Kind::failed;
  Error error;            // rejected, failed, disconnected: the cause in words
  bool stale = false;     // rejected: the peer still holds an old connection; retry with a fresh one
  bool consumer = false;  // rejected: by the SRP target itself, private_data has its SRP_LOGIN_REJ
  std::array<std::byte, 256> private_data{};
  std::size_t private_data_bytes = 0;  // may be padded by the fabric beyond what the peer sent
};
[[nodiscard]] const char* to_string(ConnectionEvent::Kind) noexcept;

// The initiator's side.
class ActiveEndpoint : public Endpoint {
 public:
  // The host names that are being looked up now. Null: none.
  [[nodiscard]] virtual const std::string* looking_up() const noexcept { return nullptr; }
  // While a host's addresses are tried in turn: why those before the present one were given up. Null: it is
  // the first.
  [[nodiscard]] virtual const Error* passed_over() const noexcept { return nullptr; }
  // Sends the connection request. Permitted once, after `resolved` and create_queues.
  // Limits: RDMA CM 56 bytes of private data, IB CM 92.
  [[nodiscard]] virtual Result<> connect(std::span<const std::byte> private_data) = 0;
  // Over verbs a system call each time: ask after a wake-up of the fds and when a completion fails, not on every poll.
  [[nodiscard]] virtual std::optional<ConnectionEvent> next_event() = 0;
  // Whether private data goes by the RDMA CM (compact login request) or by the IB CM (the 64-byte form).
  [[nodiscard]] virtual bool compact_login() const noexcept = 0;
};

// The target's side: handed to an Acceptor with the login request in it.
class PassiveEndpoint : public Endpoint {
 public:
  [[nodiscard]] virtual std::span<const std::byte> request_private_data() const noexcept = 0;
  // After create_queues and post_receive.
  [[nodiscard]] virtual Result<> accept(std::span<const std::byte> private_data) = 0;
  virtual void reject(std::span<const std::byte> private_data) noexcept = 0;
  [[nodiscard]] virtual std::optional<ConnectionEvent> next_event() = 0;  // established, failed, disconnected
};

class Acceptor {
 public:
  virtual ~Acceptor() = default;
  virtual void on_connection_request(std::unique_ptr<PassiveEndpoint>) = 0;
};

struct ConnectOptions {
  std::uint8_t retry_count = 6;  // transport retries; 7 is infinite on rxe of Linux 6.1
  std::uint8_t rnr_retry_count = 7;
  std::uint8_t ack_timeout_exponent = 14;  // 4.096 us * 2^n a try: 67 ms
  std::uint8_t responder_resources = 4;    // RDMA READs of the peer that we serve at a time; never 0
};

class Fabric {
 public:
  virtual ~Fabric() = default;
  // Never blocks. Errors: what can be told at once (no_device, invalid_argument); everything later comes as an
  // event.
  [[nodiscard]] virtual Result<std::unique_ptr<ActiveEndpoint>> open(const TargetAddress&,
                                                                     const ConnectOptions&) = 0;
  // Runs what the fabric itself has to do on this thread (loopback: deliver; verbs: nothing). Returns the number of
  // things done; call again until 0 before sleeping.
  virtual std::size_t progress() { return 0; }
};

}  // namespace srpi::fabric
