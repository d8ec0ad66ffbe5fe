// SPDX-License-Identifier: Apache-2.0
// The kernel's nbd devices for tests: which are open or connected, by which process, and what a call waits for.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "export/kernel_device.hpp"

struct FakeNbd {
  struct Device {
    std::string backend;
    srp_nbd::UniqueFd socket;
    std::uint64_t bytes = 0;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint32_t, Device> devices;                             // what is connected
  std::set<std::uint32_t> open;                                        // somebody has it open: busy
  std::map<std::uint32_t, srp_nbd::NbdControl::Connector> connectors;  // others' devices: busy
  std::map<std::uint32_t, std::vector<std::string>> users;             // what uses a connected device
  bool is_stuck = false;                                               // no connect is answered
  bool has_nodes = true;                                               // in /dev
  std::size_t connects = 0, disconnects = 0;                           // that were asked for

  // The kernel keeps every connect for as long as this lives, its work done.
  void stick(bool stuck) {
    const std::lock_guard lock(mutex);
    is_stuck = stuck;
    changed.notify_all();
  }
  template<class F>
  auto with(F f) {
    const std::lock_guard lock(mutex);
    return f(*this);
  }
  std::size_t count() {
    return with([](FakeNbd& nbd) { return nbd.devices.size(); });
  }
  bool has(std::uint32_t index) {
    return with([&](FakeNbd& nbd) { return nbd.devices.contains(index); });
  }

  srp_nbd::OpenNbdControl opener();
};

class FakeNbdControl final : public srp_nbd::NbdControl {
 public:
  explicit FakeNbdControl(FakeNbd& nbd) : nbd_(nbd) {}

  srp_nbd::Outcome<std::uint32_t> connect(const srp_nbd::KernelDeviceOptions& options) override {
    std::unique_lock lock(nbd_.mutex);
    ++nbd_.connects;
    nbd_.changed.notify_all();
    std::uint32_t index = options.index.value_or(0);
    while (!options.index && is_busy(index)) ++index;
    if (is_busy(index)) return srp_nbd::Failure{"busy", "busy"};
    auto& device = nbd_.devices[index];
    device.backend = options.backend;
    device.bytes = options.size_bytes;
    device.socket.reset(::dup(options.socket.get()));
    nbd_.changed.wait(lock, [&] { return !nbd_.is_stuck; });
    return index;
  }
  srp_nbd::Outcome<> disconnect(std::uint32_t index) override {
    const std::lock_guard lock(nbd_.mutex);
    ++nbd_.disconnects;
    if (nbd_.devices.erase(index) + nbd_.connectors.erase(index) == 0)
      return srp_nbd::Failure{"invalid_argument", "not connected"};
    return {};
  }
  srp_nbd::Outcome<> resize(std::uint32_t index, const std::string& backend,
                            std::uint64_t size_bytes) override {
    const std::lock_guard lock(nbd_.mutex);
    const auto device = nbd_.devices.find(index);
    if (device == nbd_.devices.end() || device->second.backend != backend)
      return srp_nbd::Failure{"invalid_argument", "not that one"};
    device->second.bytes = size_bytes;
    return {};
  }
  srp_nbd::Outcome<bool> connected(std::uint32_t index) override {
    const std::lock_guard lock(nbd_.mutex);
    return nbd_.devices.contains(index) || nbd_.connectors.contains(index);
  }
  std::optional<Connector> connector(std::uint32_t index) override {
    const std::lock_guard lock(nbd_.mutex);
    if (nbd_.devices.contains(index)) return Connector{::getpid(), "test", true};
    const auto other = nbd_.connectors.find(index);
    if (other == nbd_.connectors.end()) return std::nullopt;
    return other->second;
  }
  bool has_node(std::uint32_t) override {
    const std::lock_guard lock(nbd_.mutex);
    return nbd_.has_nodes;
  }
  std::vector<std::string> users(std::uint32_t index) override {
    const std::lock_guard lock(nbd_.mutex);
    return nbd_.users[index];
  }
  void set_max_sectors_kb(std::uint32_t, std::uint32_t) override {}

 private:
  [[nodiscard]] bool is_busy(std::uint32_t index) const {
    return nbd_.devices.contains(index) || nbd_.open.contains(index) || nbd_.connectors.contains(index);
  }

  FakeNbd& nbd_;
};

inline srp_nbd::OpenNbdControl FakeNbd::opener() {
  return [this](std::chrono::milliseconds) -> srp_nbd::Outcome<std::unique_ptr<srp_nbd::NbdControl>> {
    return std::unique_ptr<srp_nbd::NbdControl>(std::make_unique<FakeNbdControl>(*this));
  };
}
