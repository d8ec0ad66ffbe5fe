// SPDX-License-Identifier: Apache-2.0
// A session over plain memory, for tests of what stands above it. Keeps the contract of srpi::Session:
// completions come from poll and disconnect only, once each, and segments must lie in registered memory.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "srpi/session.hpp"

struct FakeSession;

struct FakeMemory final : srpi::Memory {
  explicit FakeMemory(std::span<std::byte> bytes) : Memory(bytes) {}
};

struct FakeUnit final : srpi::LogicalUnit {
  explicit FakeUnit(FakeSession& s, std::uint64_t lun, std::uint64_t blocks) : session(s) {
    unit.lun = lun;
    unit.blocks = blocks;
    unit.write_cache = true;
    unit.can_unmap = unit.can_write_zeroes = true;
    disk.resize(blocks * unit.block_size);
  }
  const srpi::LogicalUnitInfo& info() const noexcept override { return unit; }
  srpi::Errc submit(srpi::IoRequest&) noexcept override;
  srpi::Errc abort(srpi::TaskRequest& r) noexcept override { return aborts.push_back(&r), srpi::Errc::ok; }
  srpi::Errc reset(srpi::TaskRequest& r) noexcept override { return resets.push_back(&r), srpi::Errc::ok; }
  void answer_tasks(srpi::Errc status) {
    for (auto* queue : {&aborts, &resets})
      for (auto* r : std::exchange(*queue, {})) {
        r->status = status;
        r->on_complete(*r);
      }
  }

  srpi::Errc execute(srpi::IoRequest& io) {
    if (io.operation == srpi::IoOperation::flush) return ++flushes, srpi::Errc::ok;
    forced += io.force_unit_access && io.operation != srpi::IoOperation::read;
    const std::size_t bytes = io.blocks * unit.block_size;
    if (io.blocks == 0) return srpi::Errc::invalid_argument;
    if (io.first_block + io.blocks > unit.blocks) return srpi::Errc::out_of_range;
    std::byte* at = disk.data() + io.first_block * unit.block_size;
    if (io.operation == srpi::IoOperation::unmap || io.operation == srpi::IoOperation::write_zeroes)
      return std::memset(at, 0, bytes), srpi::Errc::ok;
    std::size_t total = 0;
    for (const auto& s : io.data) {
      if (s.bytes == 0 || !s.memory->contains(s.address, s.bytes)) return srpi::Errc::not_registered;
      if (s.bytes % unit.block_size != 0) return ++misaligned, srpi::Errc::misaligned;
      if ((total += s.bytes) > bytes) return srpi::Errc::invalid_argument;
    }
    if (total != bytes) return srpi::Errc::invalid_argument;
    for (const auto& s : io.data) {
      if (io.operation == srpi::IoOperation::read)
        std::memcpy(s.address, at, s.bytes);
      else
        std::memcpy(at, s.address, s.bytes);
      at += s.bytes;
    }
    ++(io.operation == srpi::IoOperation::read ? reads : writes);
    return srpi::Errc::ok;
  }

  FakeSession& session;
  srpi::LogicalUnitInfo unit;
  std::vector<std::byte> disk;
  std::vector<srpi::TaskRequest*> aborts, resets;  // until poll or disconnect
  srpi::Errc task_status = srpi::Errc::ok;         // what poll answers them with
  std::uint64_t flushes = 0, reads = 0, writes = 0, misaligned = 0;
  std::uint64_t forced = 0;  // requests with force_unit_access, whatever they do
};

struct FakeSession final : srpi::Session {
  explicit FakeSession(std::uint64_t blocks) {
    units.push_back(std::make_unique<FakeUnit>(*this, 0, blocks));
    event = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  }
  ~FakeSession() override { ::close(event); }

  srpi::Result<> disconnect() override {
    current = srpi::SessionState::disconnected;
    hold = hold_writes = false;
    while (!queue.empty()) poll();
    for (std::size_t i = 0; i < units.size(); ++i) unit(i).answer_tasks(srpi::Errc::no_connect);
    answer_rescans(srpi::Errc::no_connect);
    return {};
  }
  srpi::Result<> change_options(const srpi::SessionOptions&) override { return {}; }
  srpi::Result<> reconnect() override { return current = srpi::SessionState::live, srpi::Result<>(); }
  void erase() override {
    (void)disconnect();
    current = srpi::SessionState::erased;
  }
  srpi::SessionState state() const noexcept override { return current; }
  srpi::SessionStatus status() const override {
    srpi::SessionStatus result;
    result.state = current;
    result.rescan_error = rescan_error;
    return result;
  }
  std::span<const std::unique_ptr<srpi::LogicalUnit>> logical_units() const noexcept override {
    return units;
  }
  srpi::Result<std::unique_ptr<srpi::Memory>> register_memory(std::span<std::byte> bytes) override {
    return std::unique_ptr<srpi::Memory>(new FakeMemory(bytes));
  }
  std::size_t poll() override {
    ++polls;
    if (hold) return 0;
    std::vector<std::pair<FakeUnit*, srpi::IoRequest*>> now;
    now.swap(queue);
    std::size_t count = 0;
    for (auto [unit, io] : now) {
      if (hold_writes && io->operation == srpi::IoOperation::write) {
        queue.emplace_back(unit, io);
        continue;
      }
      io->status = current == srpi::SessionState::live ? unit->execute(*io) : srpi::Errc::no_connect;
      io->on_complete(*io);
      ++count;
    }
    for (std::size_t i = 0; i < units.size(); ++i) unit(i).answer_tasks(unit(i).task_status);
    answer_rescans(rescan_error.code);
    return count;
  }
  void flush() override {}
  bool arm() override { return hold || hold_writes || queue.empty(); }
  int fd() const noexcept override { return event; }
  srpi::Errc rescan(srpi::TaskRequest& r) noexcept override {
    rescans.push_back(&r);
    return srpi::Errc::ok;
  }
  void answer_rescans(srpi::Errc status) {
    for (auto* r : std::exchange(rescans, {})) {
      r->status = status;
      r->on_complete(*r);
    }
  }
  FakeUnit& unit(std::size_t i = 0) { return static_cast<FakeUnit&>(*units[i]); }
  void add_unit(std::uint64_t lun, std::uint64_t blocks) {
    units.push_back(std::make_unique<FakeUnit>(*this, lun, blocks));
  }

  srpi::SessionState current = srpi::SessionState::live;
  bool hold = false;         // the target does not answer
  bool hold_writes = false;  // no writes
  std::vector<std::pair<FakeUnit*, srpi::IoRequest*>> queue;
  std::vector<std::unique_ptr<srpi::LogicalUnit>> units;
  std::vector<srpi::TaskRequest*> rescans;  // until poll or disconnect
  srpi::Error rescan_error;                 // what poll answers them with
  std::uint64_t polls = 0;
  int event = -1;
};

inline srpi::Errc FakeUnit::submit(srpi::IoRequest& io) noexcept {
  session.queue.emplace_back(this, &io);
  return srpi::Errc::ok;
}
