// SPDX-License-Identifier: Apache-2.0
// The interface between SRP and its transport: an endpoint is one queue pair with its completion queue, and
// its connection. An endpoint belongs to one thread. The data path makes one virtual call per batch, not per
// request.
//
// Life of an ActiveEndpoint:
//   Fabric::open            starts the look-up of a host name, then address and route resolution
//   event `resolved`        device() and path() are known: register memory, create_queues, post receives, connect
//   event `established`     private_data holds the peer's reply (SRP_LOGIN_RSP); sends may be posted
//   event `rejected`        the peer rejected the request; private_data may hold SRP_LOGIN_REJ
//   event `failed`          any step failed; terminal
//   event `disconnected`    the peer, the CM or the device ended an established connection; terminal
// abort() ends the connection at any point, without waiting for the peer.
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
  std::uint32_t inline_bytes = 0;       // requested; inline_bytes() returns what was granted
  std::uint32_t completion_vector = 0;  // the device's interrupt, modulo their number
};

// The route of the connection, for people and fabric monitors.
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

  // Both post all work requests, or return an error. After an error some may be posted, and the caller must
  // give the connection up. Receives may be posted as soon as the queues exist.
  [[nodiscard]] virtual Result<> post_send(std::span<const SendWork>) noexcept = 0;
  [[nodiscard]] virtual Result<> post_receive(std::span<const ReceiveWork>) noexcept = 0;
  [[nodiscard]] virtual std::size_t poll(std::span<Completion>) noexcept = 0;

  // Asks for one wake-up at the next completion. Returns false if a completion is there already: poll again
  // before sleeping.
  [[nodiscard]] virtual bool arm() noexcept = 0;
  // Adds the file descriptors to sleep on (POLLIN). The list is complete after the event `resolved`. Loopback
  // has none.
  virtual void append_fds(std::vector<int>&) const = 0;

  // Ends the connection at once: the queue pair goes to ERROR and is destroyed. The peer is told only as far
  // as that needs no waiting. After the call nothing can reach memory through this endpoint, no completion
  // comes, and every posted buffer belongs to the caller. May be called twice.
  virtual void abort() noexcept = 0;
};

struct ConnectionEvent {
  enum class Kind : std::uint8_t { resolved, established, rejected, failed, disconnected };
  Kind kind = Kind::failed;
  Error error;            // rejected, failed, disconnected: the cause
  bool stale = false;     // rejected: the peer still has an old connection; a new attempt may succeed
  bool consumer = false;  // rejected by the SRP target itself; private_data has its SRP_LOGIN_REJ
  std::array<std::byte, 256> private_data{};
  std::size_t private_data_bytes = 0;  // includes padding that the fabric added
};
[[nodiscard]] const char* to_string(ConnectionEvent::Kind) noexcept;

// The initiator's side.
class ActiveEndpoint : public Endpoint {
 public:
  // The host name whose look-up is running, or null.
  [[nodiscard]] virtual const std::string* looking_up() const noexcept { return nullptr; }
  // A host's addresses are tried in turn. Returns why the addresses before the present one failed, or null if
  // this is the first.
  [[nodiscard]] virtual const Error* passed_over() const noexcept { return nullptr; }
  // Sends the connection request. Permitted once, after the event `resolved` and create_queues. Private data:
  // at most 56 bytes for the RDMA CM, 92 for the IB CM.
  [[nodiscard]] virtual Result<> connect(std::span<const std::byte> private_data) = 0;
  // Over verbs each call is a system call. Call it after a wake-up of the file descriptors and after a failed
  // completion, not on every poll.
  [[nodiscard]] virtual std::optional<ConnectionEvent> next_event() = 0;
  // True for the RDMA CM (compact login request), false for the IB CM (64-byte login request).
  [[nodiscard]] virtual bool compact_login() const noexcept = 0;
};

// The target's side. An Acceptor receives it with the login request.
class PassiveEndpoint : public Endpoint {
 public:
  [[nodiscard]] virtual std::span<const std::byte> request_private_data() const noexcept = 0;
  // Permitted after create_queues and post_receive.
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
  std::uint8_t responder_resources = 4;    // how many RDMA READs of the peer we serve at a time; not 0
};

class Fabric {
 public:
  virtual ~Fabric() = default;
  // Never blocks. Errors: no_device, invalid_argument. Later failures come as events.
  [[nodiscard]] virtual Result<std::unique_ptr<ActiveEndpoint>> open(const TargetAddress&,
                                                                     const ConnectOptions&) = 0;
  // Does the fabric's own work on this thread: loopback delivers, verbs does nothing. Returns the number of
  // steps done. Before sleeping, call it until it returns 0.
  virtual std::size_t progress() { return 0; }
};

}  // namespace srpi::fabric
