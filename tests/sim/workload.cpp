// SPDX-License-Identifier: Apache-2.0
#include "workload.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace srpi::sim {
namespace {

constexpr std::uint32_t kMostBlockBytes = 1024;
constexpr std::byte kPoison{0xa5};
constexpr std::size_t kArenaBytes = std::size_t{1} << 20;

// Shared by all runs of the process, because no run depends on its old contents.
std::span<std::byte> arena() {
  static std::vector<std::byte> bytes(kArenaBytes);
  return bytes;
}

DiskModel* model_of(std::vector<DiskModel>& models, std::uint64_t lun) {
  for (auto& model : models)
    if (model.lun() == lun) return &model;
  return nullptr;
}

}  // namespace

Workload::Workload(const Plan& plan, Checks& checks, Journal& journal, std::vector<DiskModel>& models,
                   base::Random random)
    : plan_(plan), checks_(checks), journal_(journal), models_(models), random_(random), slots_(plan.depth) {
  const auto bytes = std::size_t{plan.most_blocks} * kMostBlockBytes;
  arena_ = arena().first(bytes * slots_.size());
  std::memset(arena_.data(), std::to_integer<int>(kPoison), arena_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].workload = this;
    slots_[i].buffer = arena_.subspan(i * bytes, bytes);
    slots_[i].floors.resize(plan.most_blocks);
  }
}

void Workload::use(Session* session) {
  if (outstanding_ != 0)
    checks_.fail(Checker::one_completion, "no request outstanding at the end of a session",
                 fmt::format("{} requests", outstanding_));
  memory_.reset();
  untold_.clear();  // the next session does not know the reports of this one
  session_ = session;
  if (!session) return;
  auto memory = session->register_memory(arena_);
  if (!memory) return checks_.fail(Checker::baseline, "memory can be registered", memory.error().message());
  memory_ = std::move(*memory);
}

Workload::Slot* Workload::free_slot() noexcept {
  for (auto& slot : slots_)
    if (!slot.owned) return &slot;
  return nullptr;
}

void Workload::poison(Slot& slot) noexcept {
  std::memset(slot.buffer.data(), std::to_integer<int>(kPoison), slot.bytes);
}

void Workload::submit_some() {
  while (outstanding_ < plan_.depth && submit_one()) {
    if (random_.chance(1, 4)) return;
  }
}

bool Workload::submit_one() {
  if (!session_ || session_->logical_units().empty()) return false;
  auto* const slot = free_slot();
  if (!slot) return false;
  const auto units = session_->logical_units();
  auto& unit = *units[random_.below(units.size())];
  const auto& info = unit.info();
  auto& r = slot->request;
  r = {};
  r.first_block = random_.below(info.blocks);
  r.blocks = 1 + random_.below(std::min<std::uint64_t>(plan_.most_blocks, info.blocks - r.first_block));
  if (random_.chance(plan_.writes, 16)) {
    const auto kind = random_.below(16);
    r.operation = kind == 0 && info.can_unmap          ? IoOperation::unmap
                  : kind == 1 && info.can_write_zeroes ? IoOperation::write_zeroes
                                                       : IoOperation::write;
    r.force_unit_access = r.operation == IoOperation::write && random_.chance(1, 4);
  } else if (random_.chance(1, 8)) {
    r.operation = IoOperation::flush;
    r.blocks = r.first_block = 0;
  }
  if (random_.chance(1, 256) && r.operation != IoOperation::flush)
    r.first_block = info.blocks;  // beyond the end; must be refused
  start(*slot, unit);
  return true;
}

bool Workload::submit_read(std::size_t index, std::uint64_t first, std::uint64_t blocks) {
  auto* const slot = free_slot();
  if (!slot) return false;
  slot->request = {};
  slot->request.first_block = first;
  slot->request.blocks = blocks;
  start(*slot, *session_->logical_units()[index]);
  return true;
}

// Divides the buffer into random segments, sometimes in reverse order of their addresses.
void Workload::prepare_data(Slot& slot, const LogicalUnitInfo& info) {
  auto& r = slot.request;
  slot.bytes = static_cast<std::uint32_t>(r.blocks * info.block_size);
  if (std::any_of(slot.buffer.begin(), slot.buffer.begin() + slot.bytes,
                  [](std::byte b) { return b != kPoison; }))
    checks_.fail(Checker::memory_access, "a released buffer keeps its poison", "somebody has written there");
  const auto reversed = random_.chance(1, 3);
  std::uint32_t count = 0;
  std::uint64_t left = r.blocks;
  auto* at = slot.buffer.data() + (reversed ? slot.bytes : 0);
  while (left > 0) {
    const auto take = count + 1 == kMostSegments ? left : 1 + random_.below(left);
    const auto bytes = static_cast<std::uint32_t>(take * info.block_size);
    if (reversed) at -= bytes;
    slot.segments[count++] = {at, bytes, memory_.get()};
    if (!reversed) at += bytes;
    left -= take;
  }
  r.data = std::span(slot.segments.data(), count);
}

void Workload::start(Slot& slot, LogicalUnit& unit) {
  auto& r = slot.request;
  const auto& info = unit.info();
  slot.model = model_of(models_, info.lun);
  const bool within = r.first_block + r.blocks <= info.blocks;
  if (r.operation == IoOperation::read || r.operation == IoOperation::write)
    prepare_data(slot, info);
  else
    slot.bytes = 0;
  slot.swept = slot.must_fail = false;
  auto& model = *slot.model;
  switch (r.operation) {
    case IoOperation::flush: slot.moment = model.moment(); break;
    case IoOperation::read:
      for (std::uint64_t i = 0; within && i < r.blocks; ++i) slot.floors[i] = model.floor(r.first_block + i);
      slot.moment = model.moment();
      model.begin_read();
      break;
    default:
      slot.moment =
          within ? model.begin_write(r.first_block, r.blocks, r.operation != IoOperation::write) : 0;
      if (r.operation != IoOperation::write || !within) break;
      std::uint64_t block = r.first_block;
      for (const auto& segment : r.data)
        for (std::uint32_t at = 0; at < segment.bytes; at += info.block_size)
          model.fill(block++, slot.moment, {segment.address + at, info.block_size});
  }
  journal_.note(to_string(r.operation), static_cast<std::uint64_t>(&slot - slots_.data()), r.first_block,
                r.blocks);
  r.on_complete = &Workload::on_complete;
  r.context = &slot;
  slot.owned = true;
  ++outstanding_;
  ++submitted_;
  unit.submit(r);
}

void Workload::on_complete(IoRequest& r) noexcept {
  auto& slot = *static_cast<Slot*>(r.context);
  slot.workload->complete(slot);
}

void Workload::complete(Slot& slot) {
  auto& r = slot.request;
  const auto index = static_cast<std::uint64_t>(&slot - slots_.data());
  journal_.note("completed", index, static_cast<std::uint64_t>(r.status));
  if (!slot.owned) {
    checks_.fail(Checker::one_completion, "one completion for each request",
                 fmt::format("another of slot {}", index));
    return;
  }
  slot.owned = false;
  --outstanding_;
  ++completed_;
  ++ended_with_[static_cast<std::size_t>(r.status)];
  const bool ok = r.status == Errc::ok;
  succeeded_ += ok;
  if (ok && r.first_block + r.blocks > slot.model->blocks())
    checks_.fail(Checker::disk_contents, "an error beyond the end of the unit", "success");
  switch (r.operation) {
    case IoOperation::read:
      if (ok) judge_read(slot);
      slot.model->end_read();
      break;
    case IoOperation::flush: judge_flush(slot); break;
    default:
      if (slot.moment != 0)
        slot.model->end_write(slot.moment, r.first_block, r.blocks, ok, ok && r.force_unit_access);
  }
  poison(slot);
  if (!paused_ && random_.chance(plan_.submit_in_completion, 16) && submitted_ < plan_.requests &&
      r.status != Errc::no_connect)
    submit_one();
}

void Workload::judge_read(Slot& slot) {
  const auto& r = slot.request;
  const auto size = slot.model->block_size();
  std::uint64_t block = r.first_block, i = 0;
  for (const auto& segment : r.data)
    for (std::uint32_t at = 0; at < segment.bytes; at += size, ++block, ++i) {
      const std::span bytes(segment.address + at, size);
      if (auto wrong = slot.model->judge(block, bytes, slot.floors[i]))
        return checks_.fail(Checker::disk_contents, "a read returns the acknowledged version or one in doubt",
                            *wrong);
      if (!slot.swept) slot.model->seen(block, bytes);
    }
}

// The unit does not report which write was lost, so a flush must not succeed.
void Workload::judge_flush(Slot& slot) {
  const auto lun = slot.model->lun();
  switch (slot.request.status) {
    case Errc::ok:
      if (slot.must_fail || std::ranges::count(untold_, lun) > 0)
        checks_.fail(Checker::disk_contents, "a flush fails after the unit has told of a lost write",
                     fmt::format("success of LUN {}", lun));
      return slot.model->flushed(slot.moment);
    case Errc::medium_error: std::erase(untold_, lun); return;
    default: return;
  }
}

void Workload::told_of_lost_write(std::uint64_t lun) {
  if (std::ranges::count(untold_, lun) == 0) untold_.push_back(lun);
  for (auto& slot : slots_)
    if (slot.owned && slot.model->lun() == lun) slot.must_fail = true;
}

void Workload::cache_lost(const DiskModel& model) {
  for (auto& slot : slots_) {
    if (!slot.owned || slot.model != &model) continue;
    slot.swept = true;
    if (slot.request.operation != IoOperation::read) continue;
    const auto& r = slot.request;
    for (std::uint64_t i = 0; i < r.blocks && r.first_block + i < slot.model->blocks(); ++i)
      slot.floors[i] = std::min(slot.floors[i], slot.model->durable_floor(r.first_block + i));
  }
}

void Workload::on_access(const loopback::MemoryAccess& access) {
  if (access.address < arena_.data() || access.address >= arena_.data() + arena_.size()) return;
  const auto offset = static_cast<std::size_t>(access.address - arena_.data());
  const auto& slot = slots_[offset / slots_[0].buffer.size()];
  const auto into = offset % slots_[0].buffer.size();
  const auto index = static_cast<std::size_t>(&slot - slots_.data());
  if (!slot.owned)
    return checks_.fail(
        Checker::memory_access, "no access to a buffer that was handed back",
        fmt::format("{} of {} bytes in slot {}", access.write ? "a write" : "a read", access.bytes, index));
  if (into + access.bytes > slot.bytes)
    return checks_.fail(Checker::memory_access,
                        fmt::format("accesses within the request's {} bytes", slot.bytes),
                        fmt::format("{} bytes at {} in slot {}", access.bytes, into, index));
  if (access.write != (slot.request.operation == IoOperation::read))
    checks_.fail(Checker::memory_access, "only reads write to memory, only writes read it",
                 fmt::format("{} for {} in slot {}", access.write ? "a write" : "a read",
                             to_string(slot.request.operation), index));
}

}  // namespace srpi::sim
