// SPDX-License-Identifier: Apache-2.0
// An RDMA network inside one process and one thread: devices, listeners, reliable connections, and one place
// where everything that was posted gets delivered: progress(). Nothing happens inside a call that posts,
// connects or aborts, except locally; so no user is ever called back from within its own call.
//
// The network outlives its endpoints and listeners. Devices and memory regions may outlive the network.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fabric/endpoint.hpp"
#include "loopback/device.hpp"
#include "loopback/end.hpp"
#include "loopback/queue_pair.hpp"
#include "loopback/scheduler.hpp"

namespace srpi::loopback {

class Network {
 public:
  // The scheduler is the caller's and outlives the network; null: all is delivered at once, in order.
  explicit Network(Scheduler* scheduler = nullptr);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Two are there from the start; more for multi-path set-ups.
  [[nodiscard]] const std::shared_ptr<Device>& initiator_device() const noexcept { return devices_[0]; }
  [[nodiscard]] const std::shared_ptr<Device>& target_device() const noexcept { return devices_[1]; }
  std::shared_ptr<Device> add_device(std::string name);
  // As if it were pulled out: every key on it is invalid, its endpoints' queue pairs go to ERROR and raise
  // `failed` or `disconnected` with device_removed; their peers are told nothing.
  void remove_device(Device&);

  // Connection requests for `service` go to the acceptor, which the caller keeps alive until stop_listening.
  // Errors: already_exists; no_device when the device was removed.
  [[nodiscard]] Result<> listen(std::string service, fabric::Acceptor&, std::shared_ptr<Device>);
  // Connections are not touched. Requests on their way are refused.
  void stop_listening(const std::string& service) noexcept;

  // Errors: no_device. compact_login: false makes it look like the IB connection manager.
  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(std::shared_ptr<Device>,
                                                                     std::string service,
                                                                     const fabric::ConnectOptions& = {},
                                                                     bool compact_login = true);

  // Delivers all that is due, which is everything without a scheduler. Returns the number of things done.
  std::size_t progress();
  // The earliest thing that is due, one only; false: there was none.
  bool step();
  // When something falls due; kNever: nothing is under way. Without a scheduler: Time{} if something is.
  [[nodiscard]] base::Time next_due() const noexcept;

  // For fault injection: the queue pair of that end fails with this status, as if its device said so.
  void break_queue_pair(ConnectionNumber, bool active, fabric::WorkStatus) noexcept;
  // For fault injection: the connection manager tells that end that the connection is gone.
  void disconnect(ConnectionNumber, bool active);

  [[nodiscard]] ConnectionNumber last_connection() const noexcept { return last_connection_; }
  [[nodiscard]] std::size_t ends() const noexcept { return ends_.size(); }  // that somebody still holds
  [[nodiscard]] const End* find(ConnectionNumber, bool active) const noexcept;

 private:
  friend class End;
  using EndKey = std::pair<ConnectionNumber, bool>;  // connection, active

  // A step of the connection manager under way to one end of a connection.
  struct Message {
    Delivery::Kind kind;
    ConnectionNumber connection;
    bool to_active;
    std::array<std::byte, kReplyBytes> private_data{};
    std::size_t private_data_bytes = 0;
    Verdict verdict{};
    base::Time due{};
  };
  struct Listener {
    fabric::Acceptor* acceptor;
    std::shared_ptr<Device> device;
  };

  void add(End&);
  void send(Delivery::Kind, End& from, bool to_active, std::span<const std::byte> private_data = {}) noexcept;
  void deliver(const Message&);
  void deliver_request(End& active, const Message&);
  [[nodiscard]] End* find_end(ConnectionNumber, bool active) noexcept;
  [[nodiscard]] std::size_t first_message() const noexcept;
  [[nodiscard]] QueuePair* first_queue_pair() const noexcept;

  Scheduler* scheduler_;
  std::vector<std::shared_ptr<Device>> devices_;
  std::map<std::string, Listener> listeners_;
  std::map<EndKey, End*> ends_;
  // In the order of sending. Every end has room in it for all it may ever send, so that abort() needs no
  // memory.
  std::vector<Message> messages_;
  ReadyList ready_;
  ConnectionNumber last_connection_ = 0;
};

}  // namespace srpi::loopback
