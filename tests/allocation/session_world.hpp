// SPDX-License-Identifier: Apache-2.0
// A session and its target, for scenarios with a failing allocation of the session. Allocations of the target
// and of the fabric do not fail, because they stand for another machine.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <span>

#include "api/session_impl.hpp"
#include "failing_new.hpp"
#include "loopback/fabric.hpp"
#include "loopback/network.hpp"
#include "target/ram_target.hpp"

namespace srpi::allocation {

using namespace std::chrono_literals;

inline constexpr std::uint64_t kDiskBytes = 64 << 10;

inline TargetAddress address() {
  return parse_target("id_ext=1,ioc_guid=2,dest=192.0.2.1:5555").value().address;
}

class Wire final : public fabric::Fabric {
 public:
  Wire(loopback::Network& network, target::RamTarget& target)
      : network_(network), target_(target), fabric_(network) {}
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& to,
                                                       const fabric::ConnectOptions& options) override {
    return fabric_.open(to, options);
  }
  std::size_t progress() override {
    const Unfailing peer;
    return network_.progress() + target_.poll();
  }

 private:
  loopback::Network& network_;
  target::RamTarget& target_;
  loopback::Fabric fabric_;
};

struct Io {
  Io() {
    request.context = this;
    request.on_complete = [](IoRequest& r) noexcept { ++static_cast<Io*>(r.context)->completions; };
  }
  IoRequest request;
  std::array<Segment, 1> segments;
  int completions = 0;
};

struct Observer final : SessionObserver {
  void on_state(SessionState, SessionState to, const Error& cause) override {
    lives += to == SessionState::live;
    if (cause.code == Errc::no_memory) ++short_of_memory;
  }
  void on_logical_unit(LogicalUnit& unit, const UnitChange&) override {
    ++units_told;
    blocks = unit.info().blocks;
  }
  void on_event(SessionEvent, LogicalUnit*) override { ++events; }
  int lives = 0, units_told = 0, events = 0, short_of_memory = 0;
  std::uint64_t blocks = 0;
};

struct World {
  explicit World(std::uint32_t channels = 1, target::TargetConfig config = {}) {
    config.port_id = address().target_port_id();
    config.luns.push_back({.number = 0, .bytes = kDiskBytes, .max_bytes = 4 * kDiskBytes, .name = "a"});
    config.luns.push_back({.number = 1, .bytes = kDiskBytes, .name = "b"});
    target = target::RamTarget::create(std::move(config)).value();
    network.listen(loopback::service_of(address()), *target, network.target_device()).value();
    options.fast_io_fail = 60s;
    options.channels = channels;
    options.queue_depth = 8;
    options.descriptors = 4;
    options.log = [this](LogLevel, std::string_view) { ++log_lines; };
  }
  ~World() {
    session.reset();
    network.stop_listening(loopback::service_of(address()));
  }

  void make_session() {
    for (int tries = 0; !session; ++tries) {
      must(tries < 2, "one allocation fails a session once");
      try {
        session = std::make_unique<api::SessionImpl>(
            address(), options, &observer, std::make_unique<Wire>(network, *target), nullptr, 1, &clock);
      } catch (const std::bad_alloc&) {  // Session::create makes no_memory of it
      }
    }
  }
  template<class Until>
  void run(Until until, const char* promise) {
    for (int turns = 0; !until(); ++turns) {
      must(turns < 20000, promise);
      if (session->poll() > 0) continue;
      (void)session->arm();
      // No outside event is left, so advance to the next deadline.
      const auto wait = session->next_deadline() - clock.now();
      clock.advance(std::clamp<base::Duration>(wait, 1ms, 50ms));
    }
  }
  void come_live() {
    run([&] { return session->state() == SessionState::live; }, "it is live again, by itself");
  }
  std::unique_ptr<Memory> memory_for(std::span<std::byte> bytes) {
    auto memory = session->register_memory(bytes);
    if (memory) return std::move(*memory);
    must(memory.error().code == Errc::no_memory, "a registration fails with no_memory");
    memory = session->register_memory(bytes);
    must(memory.has_value(), "the second registration succeeds");
    return std::move(*memory);
  }
  void submit(Io& io, IoOperation operation, const Memory& memory, std::size_t lun = 0) {
    io.segments[0] = {memory.bytes().data(), 4096, &memory};
    io.request.operation = operation;
    io.request.first_block = 8;
    io.request.blocks = 8;
    io.request.data = io.segments;
    io.completions = 0;
    session->logical_units()[lun]->submit(io.request);
  }
  void finish(Io& io) {
    run([&] { return io.completions > 0; }, "each request completes");
    must(io.completions == 1, "each request completes once");
    must(io.request.status == Errc::ok, "each request succeeds, for it is held while the session recovers");
  }

  base::ManualClock clock;
  loopback::Network network;
  std::unique_ptr<target::RamTarget> target;
  SessionOptions options;
  Observer observer;
  int log_lines = 0;
  std::unique_ptr<api::SessionImpl> session;
};

}  // namespace srpi::allocation
