// SPDX-License-Identifier: Apache-2.0
// A connection to an SRP target that uses only the fabric interfaces and hand-made information units. It
// contains no code of a session, so a failure is a failure of the fabric.
#pragma once

#include <poll.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/big_endian.hpp"
#include "fabric/endpoint.hpp"

namespace probe {

using namespace srpi;
using Clock = std::chrono::steady_clock;
using Kind = fabric::ConnectionEvent::Kind;

[[noreturn]] inline void fail(const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  std::exit(1);
}
inline void expect(bool condition, const std::string& what) {
  if (!condition) fail(what);
}
template<class T>
T must(Result<T> result, const std::string& what) {
  if (!result) fail(what + ": " + result.error().message());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

inline double us_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

template<class T>
void put(std::byte* at, T value) {
  const base::BigEndian<T> field(value);
  std::memcpy(at, &field, sizeof field);
}
inline unsigned byte_at(const std::byte* at, std::size_t offset) {
  return std::to_integer<unsigned>(at[offset]);
}

struct Destination {
  std::string host;
  std::uint16_t port = 0;
  std::string source;
  PortId target;
  PortId initiator;

  [[nodiscard]] TargetAddress address() const {
    TargetAddress a;
    a.transport = RdmaCmAddress{host, port, source};
    return a;
  }
  // The compact SRP_LOGIN_REQ of the RDMA CM.
  [[nodiscard]] std::array<std::byte, 56> login() const {
    std::array<std::byte, 56> r{};
    put<std::uint64_t>(&r[0], 0x6c6f67696eull);
    put<std::uint16_t>(&r[8], 0x0006);  // direct and indirect descriptors
    put<std::uint32_t>(&r[12], 996);
    std::memcpy(&r[16], initiator.bytes.data(), 16);
    std::memcpy(&r[32], target.bytes.data(), 16);
    return r;
  }
};

class Connection {
 public:
  static constexpr std::uint32_t kReceives = 8;
  static constexpr std::size_t kUnit_bytes = 1024;
  static constexpr std::size_t kData_bytes = 64 * 1024;

  Connection(fabric::Fabric& fabric, Destination target, const fabric::ConnectOptions& options = {})
      : target_(std::move(target)),
        endpoint_(must(fabric.open(target_.address(), options), "open")),
        units_((kReceives + 1) * kUnit_bytes),
        data_(kData_bytes) {}

  [[nodiscard]] fabric::ActiveEndpoint& endpoint() { return *endpoint_; }
  [[nodiscard]] std::byte* data() { return data_.data(); }

  // Sleeps on the endpoint's descriptors until there is an event.
  fabric::ConnectionEvent wait_event(int seconds) {
    const auto deadline = Clock::now() + std::chrono::seconds(seconds);
    for (;;) {
      if (auto event = endpoint_->next_event()) return *event;
      if (Clock::now() > deadline) fail("no event within " + std::to_string(seconds) + " s");
      sleep(deadline);
    }
  }

  fabric::ConnectionEvent expect_event(Kind kind, int seconds = 20) {
    auto event = wait_event(seconds);
    if (event.kind != kind)
      fail(std::string("expected the event '") + to_string(kind) + "', got '" + to_string(event.kind) +
           "': " + event.error.message());
    return event;
  }

  void resolve() { expect_event(Kind::resolved); }

  void prepare() {
    fabric::QueueLimits limits;
    limits.send_depth = 16;
    limits.receive_depth = kReceives + 4;
    limits.inline_bytes = 128;
    must(endpoint_->create_queues(limits), "create queues");
    unit_region_ =
        must(endpoint_->device()->register_memory(units_, fabric::Access::local), "register units");
    data_region_ = must(endpoint_->device()->register_memory(data_, fabric::Access::remote), "register data");
    std::vector<fabric::ReceiveWork> receives(kReceives);
    for (std::uint32_t i = 0; i < kReceives; ++i) receives[i] = receive(i);
    must(endpoint_->post_receive(receives), "post receives");
  }

  void request() {
    const auto login = target_.login();
    must(endpoint_->connect(login), "connect");
  }

  // Resolves, connects and logs in.
  void log_in() {
    resolve();
    prepare();
    request();
    const auto event = expect_event(Kind::established);
    expect(event.private_data_bytes >= 52, "the reply holds no SRP_LOGIN_RSP");
    expect(byte_at(event.private_data.data(), 0) == 0xc0, "the reply's opcode is not SRP_LOGIN_RSP");
  }

  // Sends one command with a direct descriptor of data() and returns the SCSI status.
  unsigned command(const std::vector<unsigned>& cdb, char direction, std::uint32_t bytes, bool inlined) {
    send(cdb, direction, bytes, inlined);
    return wait_response();
  }

  void send(const std::vector<unsigned>& cdb, char direction, std::uint32_t bytes, bool inlined) {
    std::byte* unit = &units_[kReceives * kUnit_bytes];
    std::memset(unit, 0, kUnit_bytes);
    unit[0] = std::byte{0x02};
    unit[5] = direction == 'r' ? std::byte{0x01} : direction == 'w' ? std::byte{0x10} : std::byte{0};
    put<std::uint64_t>(unit + 8, ++tag_);
    for (std::size_t i = 0; i < cdb.size(); ++i) unit[32 + i] = std::byte(cdb[i]);
    std::uint32_t unit_bytes = 48;
    if (direction != '-') {
      put<std::uint64_t>(unit + 48, reinterpret_cast<std::uintptr_t>(data_.data()));
      put<std::uint32_t>(unit + 56, data_region_->rkey());
      put<std::uint32_t>(unit + 60, bytes);
      unit_bytes = 64;
    }
    const fabric::Sge sge{unit, unit_bytes, unit_region_->lkey()};
    fabric::SendWork work;
    work.id = 1000;
    work.sges = {&sge, 1};
    work.signaled = true;
    work.inlined = inlined;
    must(endpoint_->post_send({&work, 1}), "post send");
  }

  // Polls, arms and sleeps until there is a completion.
  fabric::Completion wait_completion(int seconds = 20) {
    const auto deadline = Clock::now() + std::chrono::seconds(seconds);
    fabric::Completion completion;
    while (endpoint_->poll({&completion, 1}) == 0) {
      if (Clock::now() > deadline) fail("no completion within " + std::to_string(seconds) + " s");
      if (endpoint_->arm()) sleep(deadline);
    }
    return completion;
  }

  std::size_t drain_flushed() {
    std::array<fabric::Completion, 4> some;
    std::size_t flushed = 0;
    for (std::size_t n; (n = endpoint_->poll(some)) > 0;)
      for (std::size_t i = 0; i < n; ++i) flushed += some[i].status == fabric::WorkStatus::flushed;
    return flushed;
  }

  double timed_abort() {
    const auto begin = Clock::now();
    endpoint_->abort();
    return us_since(begin);
  }

 private:
  fabric::ReceiveWork receive(std::uint64_t slot) {
    return {slot, {&units_[slot * kUnit_bytes], kUnit_bytes, unit_region_->lkey()}};
  }

  unsigned wait_response() {
    for (;;) {
      const auto completion = wait_completion();
      expect(completion.status == fabric::WorkStatus::success,
             std::string("a work request failed: ") + to_string(completion.status));
      if (!completion.receive) continue;
      const std::byte* unit = &units_[completion.id * kUnit_bytes];
      expect(completion.bytes >= 36 && byte_at(unit, 0) == 0xc1, "not an SRP_RSP");
      base::be64 tag;
      std::memcpy(&tag, unit + 8, sizeof tag);
      expect(tag == tag_, "another command's SRP_RSP");
      const unsigned status = byte_at(unit, 19);
      const auto again = receive(completion.id);
      must(endpoint_->post_receive({&again, 1}), "repost the receive");
      return status;
    }
  }

  void sleep(Clock::time_point deadline) {
    std::vector<int> fds;
    endpoint_->append_fds(fds);
    std::vector<pollfd> polled;
    for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    ::poll(polled.data(), polled.size(), left > 0 ? static_cast<int>(left) + 1 : 1);
  }

  const Destination target_;
  std::unique_ptr<fabric::ActiveEndpoint> endpoint_;
  std::vector<std::byte> units_;
  std::vector<std::byte> data_;
  std::unique_ptr<fabric::MemoryRegion> unit_region_;
  std::unique_ptr<fabric::MemoryRegion> data_region_;
  std::uint64_t tag_ = 0;
};

}  // namespace probe
