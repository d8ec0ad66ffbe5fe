// SPDX-License-Identifier: Apache-2.0
#include "lun/unit.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "lun/piece.hpp"
#include "scsi/report_luns.hpp"
#include "scsi/sense.hpp"

namespace srpi::lun {

Unit::Unit(session::Nexus& nexus, const UnitProfile& profile, const SessionOptions& options,
           const base::Clock& clock)
    : nexus_(nexus),
      profile_(profile),
      wire_lun_(scsi::load<std::uint64_t>(scsi::lun_of(profile.info.lun).data())),
      options_(options),
      max_segments_(options.descriptors),
      clock_(clock),
      pieces_(std::size_t{options.channels} * options.queue_depth),
      segments_(pieces_.size() * options.descriptors),
      parameters_(pieces_.size() * kUnmapListBytes + profile.info.block_size) {
  free_.reserve(pieces_.size());
  backed_off_.reserve(pieces_.size());
  for (std::size_t i = pieces_.size(); i-- > 0;) {
    auto& piece = pieces_[i];
    piece.unit = this;
    piece.segments = &segments_[i * max_segments_];
    piece.command.owner = &piece;
    piece.command.on_complete = &Unit::on_complete;
    piece.command.lun = wire_lun_;
    free_.push_back(&piece);
  }
}

Unit::~Unit() { SRPI_CHECK(free_.size() == pieces_.size()); }

Result<> Unit::prepare() {
  auto memory = nexus_.memories().add(parameters_);
  if (!memory) return memory.error();
  parameters_memory_ = std::move(*memory);
  return {};
}

bool Unit::update(const UnitProfile& profile) {
  auto taken = profile;  // as a whole, or not at all
  const bool grown = taken.info.blocks != profile_.info.blocks;
  profile_ = std::move(taken);
  return grown;
}

Errc Unit::check(const IoRequest& r) const noexcept {
  const auto& info = profile_.info;
  if (r.operation == IoOperation::flush) return Errc::ok;
  if (r.blocks == 0) return Errc::invalid_argument;
  if (r.first_block > info.blocks || r.blocks > info.blocks - r.first_block) return Errc::out_of_range;
  if (r.operation != IoOperation::read && info.read_only) return Errc::write_protected;
  if (r.operation == IoOperation::unmap) return info.can_unmap ? Errc::ok : Errc::not_supported;
  if (r.operation == IoOperation::write_zeroes) return info.can_write_zeroes ? Errc::ok : Errc::not_supported;

  std::uint64_t bytes = 0;
  for (const auto& s : r.data) {
    if (!s.memory || !s.memory->contains(s.address, s.bytes)) return Errc::not_registered;
    if (s.bytes == 0) return Errc::invalid_argument;
    if (s.bytes % info.block_size != 0) return Errc::misaligned;  // see Segment
    bytes += s.bytes;
  }
  return bytes == r.blocks * info.block_size ? Errc::ok : Errc::invalid_argument;
}

void Unit::submit(IoRequest& r) noexcept {
  r.internal = {};
  r.status = check(r);
  if (r.operation == IoOperation::flush) return submit_flush(r);
  (r.status != Errc::ok ? settled_ : queue_).push(r);
}

bool Unit::has_work() const noexcept {
  return has_task_work() || settled_.head != nullptr || (queue_.head != nullptr && !free_.empty());
}

std::size_t Unit::poll() noexcept {
  std::size_t n = 0;
  RequestQueue<IoRequest> settled;
  std::swap(settled, settled_);  // completions may submit anew: those are for the next call
  while (auto* r = settled.pop()) {
    ++n;
    r->on_complete(*r);
  }
  n += issue();
  if (has_task_work()) n += run_tasks();
  return n;
}

std::size_t Unit::issue() noexcept {
  std::size_t n = 0;
  if (next_retry_ != base::kNever) {
    const auto now = clock_.now();
    next_retry_ = base::kNever;
    std::erase_if(backed_off_, [&](Piece* piece) {
      if (piece->retry_at > now && nexus_.state() == session::State::live) {
        next_retry_ = std::min(next_retry_, piece->retry_at);
        return false;
      }
      ++n;
      nexus_.submit(piece->command);
      return true;
    });
  }

  while (queue_.head && !free_.empty()) {
    ++n;
    auto& request = *queue_.head;
    auto* piece = free_.back();
    free_.pop_back();
    // A failed piece ends the request: what has not been sent never is.
    bool more = false;
    if (request.status == Errc::ok)
      more = issue_piece(request, *piece);
    else
      free_.push_back(piece);
    if (more) continue;
    queue_.pop();
    request.internal.all_issued = true;
    if (request.internal.outstanding == 0) settled_.push(request);
  }
  return n;
}

void Unit::fail_waiting(Errc status) noexcept {
  fail_unsent(status);
  for (auto* queue : {&new_aborts_, &aborts_, &new_resets_}) end_tasks(*queue, status);
  abort_status_ = Errc::ok;
}

void Unit::fail_unsent(Errc status) noexcept {
  std::erase_if(backed_off_, [&](Piece* piece) {
    piece_done(*piece, status);
    return true;
  });
  next_retry_ = base::kNever;
  RequestQueue<IoRequest> ended, settled;
  std::swap(ended, queue_);
  std::swap(settled, settled_);
  while (auto* r = settled.pop()) r->on_complete(*r);
  while (auto* r = ended.pop()) {
    if (r->status == Errc::ok) r->status = status;
    r->internal.all_issued = true;
    if (r->internal.outstanding == 0) r->on_complete(*r);
  }
}

void Unit::on_complete(channel::Command& command) noexcept {
  auto& piece = *static_cast<Piece*>(command.owner);
  if (command.error != Errc::ok) return piece.unit->on_ended(piece);
  if (command.status == scsi::Status::good && command.residual_bytes == 0)
    return piece.unit->piece_done(piece, Errc::ok);
  piece.unit->on_answer(piece);
}

// Without an answer that would count.
void Unit::on_ended(Piece& piece) noexcept {
  auto& command = piece.command;
  if (command.error != Errc::aborted_command) return piece_done(piece, command.error);
  // A reset of the unit, which another command or an operator needed: nothing of it can happen any more.
  if (piece.aborting) return piece_done(piece, Errc::cancelled);
  if (clock_.now() >= command.deadline) return piece_done(piece, Errc::timed_out);
  nexus_.submit(command);
}

void Unit::on_answer(Piece& piece) noexcept {
  auto& command = piece.command;
  const auto sense = scsi::decode_sense({command.sense.data(), command.sense_bytes});
  const auto what = scsi::classify(command.status, sense ? &*sense : nullptr);
  // Before anything is sent again: it may have to wait for the proof.
  if (what.event != scsi::Event::none)
    nexus_.on_unit_event(wire_lun_, what.event);
  else if (what.error == Errc::no_such_lun)
    nexus_.doubt_units();
  switch (what.action) {
    case scsi::Action::complete:
      return piece_done(piece, command.residual_bytes > 0 ? Errc::short_transfer : Errc::ok);
    case scsi::Action::fail:
      return piece_done(piece, what.error);
    case scsi::Action::retry_now:
    case scsi::Action::retry_later: {
      if (piece.aborting) return piece_done(piece, Errc::cancelled);
      const auto delay = piece.budget.next(what.retry_class);
      const auto now = clock_.now();
      if (!delay || now + *delay >= command.deadline) return piece_done(piece, what.error);
      if (delay->count() == 0) return nexus_.submit(command);
      piece.retry_at = now + *delay;
      next_retry_ = std::min(next_retry_, piece.retry_at);
      backed_off_.push_back(&piece);
      return;
    }
  }
}

void Unit::piece_done(Piece& piece, Errc status) noexcept {
  auto& request = *piece.request;
  piece.request = nullptr;
  if (piece.aborting) {
    piece.aborting = false;
    request.durable.aborted = true;
    --aborting_;
    if (status == Errc::no_connect) abort_status_ = status;  // over, but not by the abort
  }
  free_.push_back(&piece);
  if (request.status == Errc::ok) request.status = status;
  if (--request.internal.outstanding == 0 && request.internal.all_issued) request.on_complete(request);
}

}  // namespace srpi::lun
