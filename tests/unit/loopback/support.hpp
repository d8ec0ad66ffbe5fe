// SPDX-License-Identifier: Apache-2.0
// A connected pair of loopback endpoints, and buffers to use with it.
#pragma once

#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "loopback/network.hpp"

namespace srpi::loopback::test {

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Listener : fabric::Acceptor {
  std::vector<std::unique_ptr<fabric::PassiveEndpoint>> requests;
  void on_connection_request(std::unique_ptr<fabric::PassiveEndpoint> endpoint) override {
    requests.push_back(std::move(endpoint));
  }
};

struct Buffer {
  Buffer(fabric::Device& device, std::size_t size, fabric::Access access = fabric::Access::remote)
      : bytes(size), region(device.register_memory(bytes, access).value()) {}

  [[nodiscard]] fabric::Sge sge(std::size_t offset, std::size_t size) {
    return {bytes.data() + offset, static_cast<std::uint32_t>(size), region->lkey()};
  }
  [[nodiscard]] fabric::Sge sge() { return sge(0, bytes.size()); }
  [[nodiscard]] std::uint64_t address(std::size_t offset = 0) const {
    return reinterpret_cast<std::uintptr_t>(bytes.data()) + offset;
  }
  void set(std::string_view text) { std::memcpy(bytes.data(), text.data(), text.size()); }
  [[nodiscard]] std::string_view text(std::size_t size) const {
    return {reinterpret_cast<const char*>(bytes.data()), size};
  }

  std::vector<std::byte> bytes;
  std::unique_ptr<fabric::MemoryRegion> region;
};

inline Result<> send(fabric::Endpoint& endpoint, std::uint64_t id, const fabric::Sge& sge,
                     bool signaled = true) {
  const fabric::SendWork work{.id = id, .sges = {&sge, 1}, .signaled = signaled};
  return endpoint.post_send({&work, 1});
}

inline Result<> rdma(fabric::Endpoint& endpoint, std::uint64_t id, fabric::SendOpcode opcode,
                     const fabric::Sge& sge, std::uint64_t remote, std::uint32_t rkey) {
  const fabric::SendWork work{.id = id,
                              .sges = {&sge, 1},
                              .remote_address = remote,
                              .rkey = rkey,
                              .opcode = opcode,
                              .signaled = true};
  return endpoint.post_send({&work, 1});
}

inline Result<> receive(fabric::Endpoint& endpoint, std::uint64_t id, const fabric::Sge& sge) {
  const fabric::ReceiveWork work{.id = id, .sge = sge};
  return endpoint.post_receive({&work, 1});
}

inline std::vector<fabric::Completion> poll(fabric::Endpoint& endpoint) {
  std::vector<fabric::Completion> out(256);
  out.resize(endpoint.poll(out));
  return out;
}

struct Pair {
  explicit Pair(
      Scheduler* scheduler = nullptr, fabric::ConnectOptions options = {},
      fabric::QueueLimits limits = {.send_depth = 8, .receive_depth = 8, .send_sges = 2, .inline_bytes = 64})
      : network(scheduler), limits_(limits) {
    (void)network.listen("disk", listener, network.target_device()).value();
    active = network.open(network.initiator_device(), "disk", options).value();
  }
  // Connects both ends. For use without a scheduler.
  void connect() {
    network.progress();
    (void)active->next_event().value();
    active->create_queues(limits_).value();
    active->connect(as_bytes("login")).value();
    network.progress();
    passive = std::move(listener.requests.at(0));
    passive->create_queues(limits_).value();
    passive->accept(as_bytes("welcome")).value();
    while (network.progress() > 0) {
    }
    (void)active->next_event().value();
    (void)passive->next_event().value();
  }

  Network network;
  Listener listener;
  std::unique_ptr<fabric::ActiveEndpoint> active;
  std::unique_ptr<fabric::PassiveEndpoint> passive;

 private:
  fabric::QueueLimits limits_;
};

struct Connected : Pair {
  explicit Connected(fabric::ConnectOptions options = {}) : Pair(nullptr, options) { connect(); }
  Buffer here{*network.initiator_device(), 4096};
  Buffer there{*network.target_device(), 4096};
};

}  // namespace srpi::loopback::test
