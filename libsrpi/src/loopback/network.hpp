// SPDX-License-Identifier: Apache-2.0
// An RDMA network inside one process and one thread: devices, listeners and reliable connections. Only
// progress() and step() deliver. Calls that post, connect or abort act on the local end only, so a user is
// never called back from within its own call.
//
// The network must outlive its endpoints and listeners. Devices and memory regions may outlive the network.
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
  // The scheduler belongs to the caller and must outlive the network. Without one, everything is delivered by
  // the next progress(), in order.
  explicit Network(Scheduler* scheduler = nullptr);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // Two devices exist from the start. Add more for set-ups with several paths.
  [[nodiscard]] const std::shared_ptr<Device>& initiator_device() const noexcept { return devices_[0]; }
  [[nodiscard]] const std::shared_ptr<Device>& target_device() const noexcept { return devices_[1]; }
  std::shared_ptr<Device> add_device(std::string name);
  // Simulates a hot removal. All keys of the device become invalid. The queue pairs of its endpoints go to
  // ERROR, and the endpoints raise `failed` or `disconnected` with device_removed. Their peers get no
  // message.
  void remove_device(Device&);

  // Passes connection requests for `service` to the acceptor. The acceptor must live until stop_listening.
  // Errors: already_exists; no_device if the device was removed.
  [[nodiscard]] Result<> listen(std::string service, fabric::Acceptor&, std::shared_ptr<Device>);
  // Existing connections stay. Requests on their way are refused.
  void stop_listening(const std::string& service) noexcept;

  // Errors: no_device. With compact_login = false, the endpoint acts like one of the IB connection manager.
  [[nodiscard]] Result<std::unique_ptr<fabric::ActiveEndpoint>> open(std::shared_ptr<Device>,
                                                                     std::string service,
                                                                     const fabric::ConnectOptions& = {},
                                                                     bool compact_login = true);

  // Delivers everything that is due; without a scheduler, everything is. Returns the number of deliveries.
  std::size_t progress();
  // Delivers the one that is due first. Returns false if none is due.
  bool step();
  // When the next delivery is due; kNever if there is none. Without a scheduler, Time{} if there is one.
  [[nodiscard]] base::Time next_due() const noexcept;

  // For fault injection: the device of that end reports this status, and the queue pair fails.
  void break_queue_pair(ConnectionNumber, bool active, fabric::WorkStatus) noexcept;
  // For fault injection: the connection manager reports to that end that the connection is gone.
  void disconnect(ConnectionNumber, bool active);

  [[nodiscard]] ConnectionNumber last_connection() const noexcept { return last_connection_; }
  [[nodiscard]] std::size_t ends() const noexcept { return ends_.size(); }  // ends that still exist
  [[nodiscard]] const End* find(ConnectionNumber, bool active) const noexcept;

 private:
  friend class End;
  using EndKey = std::pair<ConnectionNumber, bool>;  // connection, active

  // A message of the connection manager on its way to one end of a connection.
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
  // In the order of sending. Capacity is reserved for all messages of all ends, so abort() needs no memory.
  std::vector<Message> messages_;
  ReadyList ready_;
  ConnectionNumber last_connection_ = 0;
};

}  // namespace srpi::loopback
