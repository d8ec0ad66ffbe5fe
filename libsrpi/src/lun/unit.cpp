// SPDX-License-Identifier: Apache-2.0
#include "lun/unit.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "lun/unit_command.hpp"
#include "scsi/report_luns.hpp"

namespace srpi::lun {

Unit::Unit(session::Nexus& nexus, BusyUnits& busy_units, const UnitProfile& profile,
           const SessionOptions& options, const base::Clock& clock)
    : nexus_(nexus),
      busy_units_(busy_units),
      profile_(profile),
      wire_lun_(scsi::load<std::uint64_t>(scsi::lun_of(profile.info.lun).data())),
      options_(options),
      max_segments_(options.descriptors),
      clock_(clock),
      commands_(std::size_t{options.channels} * options.queue_depth),
      segments_(commands_.size() * options.descriptors),
      parameters_(commands_.size() * kUnmapListBytes + zero_bytes()) {
  free_.reserve(commands_.size());
  backed_off_.reserve(commands_.size());
  for (std::size_t i = commands_.size(); i-- > 0;) {
    auto& c = commands_[i];
    c.unit = this;
    c.segments = &segments_[i * max_segments_];
    c.command.owner = &c;
    c.command.on_complete = &Unit::on_complete;
    c.command.lun = wire_lun_;
    free_.push_back(&c);
  }
}

Unit::~Unit() { SRPI_CHECK(free_.size() == commands_.size()); }

Result<> Unit::prepare() {
  auto memory = nexus_.memories().add(parameters_);
  if (!memory) return memory.error();
  parameters_memory_ = std::move(*memory);
  return {};
}

bool Unit::update(const UnitProfile& profile) {
  auto taken = profile;  // copy first, so that the update happens completely or not at all
  const bool grown = taken.info.blocks != profile_.info.blocks;
  taken.info.can_unmap &= !refuses_unmap_;
  taken.info.can_write_zeroes &= !refuses_write_same_;
  if (taken.info.read_only != profile_.info.read_only) protection_asked_ = false;
  profile_ = std::move(taken);
  return grown;
}

inline Errc Unit::check_data(const IoRequest& r) const noexcept {
  const auto& memories = nexus_.memories();
  const auto block_size = profile_.info.block_size;
  std::uint64_t bytes = 0;
  for (const auto& s : r.data) {
    if (!s.memory || !memories.has(*s.memory) || !s.memory->contains(s.address, s.bytes))
      return Errc::not_registered;
    if (s.bytes == 0) return Errc::invalid_argument;
    if (s.bytes % block_size != 0) return Errc::misaligned;  // see Segment
    bytes += s.bytes;
  }
  return bytes == r.blocks * block_size ? Errc::ok : Errc::invalid_argument;
}

inline Errc Unit::check(const IoRequest& r) const noexcept {
  const auto& info = profile_.info;
  const bool has_data = r.operation == IoOperation::read || r.operation == IoOperation::write;
  if (!has_data) {
    if (r.operation > IoOperation::write_zeroes || !r.data.empty()) return Errc::invalid_argument;
    if (r.operation == IoOperation::flush)
      return r.first_block == 0 && r.blocks == 0 ? Errc::ok : Errc::invalid_argument;
  }
  if (r.blocks == 0) return Errc::invalid_argument;
  if (r.first_block > info.blocks || r.blocks > info.blocks - r.first_block) return Errc::out_of_range;
  if (r.operation != IoOperation::read && info.read_only) return Errc::write_protected;
  if (has_data) return check_data(r);
  const bool can = r.operation == IoOperation::unmap ? info.can_unmap || refuses_unmap_
                                                     : info.can_write_zeroes || refuses_write_same_;
  return can ? Errc::ok : Errc::not_supported;
}

Errc Unit::submit(IoRequest& r) noexcept {
  if (!may_get_work()) return Errc::no_connect;
  if (const auto refusal = take(r); refusal != Errc::ok) return refusal;
  state_of(r).operation = r.operation;
  r.status = check(r);
  if (r.status != Errc::ok)
    settled_.push(r);
  else if (r.operation == IoOperation::flush)
    submit_flush(r);
  else
    queue_.push(r);
  return Errc::ok;
}

bool Unit::has_work() const noexcept {
  return has_task_work() || settled_.head != nullptr || (queue_.head != nullptr && !free_.empty());
}

std::size_t Unit::poll() noexcept {
  std::size_t n = settled_.head ? end_settled() : 0;
  n += issue();
  if (has_task_work()) n += run_tasks();
  return n;
}

std::size_t Unit::end_settled() noexcept {
  std::size_t n = 0;
  RequestQueue<IoRequest> settled;
  std::swap(settled, settled_);  // requests that completions submit wait for the next call
  while (auto* r = settled.pop()) {
    ++n;
    end(*r);
  }
  return n;
}

std::size_t Unit::issue() noexcept {
  std::size_t n = next_retry_ != base::kNever ? send_due_retries() : 0;
  if (!queue_.head || free_.empty()) return n;
  const auto now = clock_.now();
  do {
    ++n;
    auto& request = *queue_.head;
    // A failed command ends the request. The rest is not sent.
    if (request.status == Errc::ok) {
      auto& command = *free_.back();
      free_.pop_back();
      if (issue_next(request, command, now)) continue;
    }
    queue_.pop();
    if (--state_of(request).outstanding == 0) settled_.push(request);
  } while (queue_.head && !free_.empty());
  return n;
}

std::size_t Unit::send_due_retries() noexcept {
  const auto now = clock_.now();
  next_retry_ = base::kNever;
  return std::erase_if(backed_off_, [&](UnitCommand* c) {
    if (c->retry_at > now && nexus_.state() == session::State::live) {
      next_retry_ = std::min(next_retry_, c->retry_at);
      return false;
    }
    nexus_.submit(c->command);
    return true;
  });
}

void Unit::fail_waiting(Errc status) noexcept {
  fail_unsent(status);
  for (auto* queue : {&new_aborts_, &aborts_, &new_resets_}) end_tasks(*queue, status);
  abort_status_ = Errc::ok;
}

void Unit::fail_unsent(Errc status) noexcept {
  std::erase_if(backed_off_, [&](UnitCommand* c) {
    command_done(*c, status);
    return true;
  });
  next_retry_ = base::kNever;
  RequestQueue<IoRequest> ended, settled;
  std::swap(ended, queue_);
  std::swap(settled, settled_);
  while (auto* r = settled.pop()) end(*r);
  while (auto* r = ended.pop()) {
    if (r->status == Errc::ok) r->status = status;
    if (--state_of(*r).outstanding == 0) end(*r);
  }
}

bool Unit::goes_on(IoRequest& r) noexcept {
  const auto phase = state_of(r).phase;
  if (phase == Phase::zeroes_again || phase == Phase::forced_zeroes_again) return zeroes_go_on(r);
  if (profile_.cache_assumed) accept_missing_cache(r);
  if (state_of(r).phase != Phase::flush) return forced_goes_on(r);
  end_flush(r);
  return false;
}

}  // namespace srpi::lun
