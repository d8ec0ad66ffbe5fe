// SPDX-License-Identifier: Apache-2.0
// Executes posted work requests: checks keys, bounds and rights on both sides, copies, and adds completions
// to both completion queues. Errors follow the requester and responder classes of IBA volume 1, clause 9.9.
//
// Requests of one queue pair are executed strictly in order. With a Scheduler, a request is first executed at
// the peer and completed at the poster later, so the answer to a message can arrive before the message's own
// completion.
#include <algorithm>
#include <cstring>

#include "base/check.hpp"
#include "loopback/queue_pair.hpp"

namespace srpi::loopback {

using fabric::SendOpcode;
using fabric::WorkStatus;

std::size_t QueuePair::execute(std::size_t limit) noexcept {
  list_.remove(*this);
  if (scheduler_) return execute_planned(limit);
  std::size_t done = 0;
  while (state_ == State::ready && completed_ != posted_ && done < limit) {
    const auto position = completed_;
    if (carry_out(position) == Outcome::not_ready) {
      if (!give_up_or_wait()) return done;
      ++done;
      break;
    }
    ++done;
    executed_ = completed_ = position + 1;
    const auto status = sends_[position & send_mask_].status;
    complete_send(position, status);
    if (status != WorkStatus::success) fail();
  }
  if (state_ == State::ready && completed_ != posted_) enqueue();
  return done;
}

// Called when the receiver is not ready. Returns true if the request failed or has a time for its next try,
// false if it waits until the peer posts a receive.
bool QueuePair::give_up_or_wait() noexcept {
  const bool connected = peer_ && peer_->state_ == State::ready;
  if (!connected || rnr_retry_count_ >= 7) {  // 7: no limit
    waiting_ = true;
    return false;
  }
  if (rnr_retries_++ < rnr_retry_count_) return true;
  // Only the sender fails. The receiver's queue pair stays as it is.
  const auto position = executed_++;
  sends_[position & send_mask_].status = WorkStatus::rnr_exceeded;
  if (!scheduler_) {
    completed_ = executed_;
    complete_send(position, WorkStatus::rnr_exceeded);
    fail();
  }
  return true;
}

void QueuePair::plan(std::uint32_t position) noexcept {
  const Send& send = sends_[position & send_mask_];
  static constexpr Delivery::Kind kKinds[] = {Delivery::Kind::send, Delivery::Kind::rdma_read,
                                              Delivery::Kind::rdma_write};
  Plan& plan = plans_[position & send_mask_];
  plan.verdict = scheduler_->judge({.kind = kKinds[static_cast<std::size_t>(send.opcode)],
                                    .connection = connection_,
                                    .from_active = active_,
                                    .work_id = send.id,
                                    .bytes = send.bytes});
  plan.execute_due = last_execute_due_ = std::max(last_execute_due_, scheduler_->now() + plan.verdict.delay);
  plan.complete_due = last_complete_due_ =
      std::max(last_complete_due_, plan.execute_due + plan.verdict.acknowledgement_delay);
}

base::Time QueuePair::due() const noexcept {
  base::Time due = base::kNever;
  if (state_ != State::ready) return due;
  const bool stopped =
      executed_ != completed_ && sends_[(executed_ - 1) & send_mask_].status != WorkStatus::success;
  if (executed_ != posted_ && !waiting_ && !stopped) due = plans_[executed_ & send_mask_].execute_due;
  if (completed_ != executed_) due = std::min(due, plans_[completed_ & send_mask_].complete_due);
  return due;
}

std::size_t QueuePair::execute_planned(std::size_t limit) noexcept {
  std::size_t done = 0;
  while (done < limit && due() <= scheduler_->now()) {
    if (completed_ != executed_ && plans_[completed_ & send_mask_].complete_due <= scheduler_->now()) {
      const auto position = completed_++;
      const auto status = sends_[position & send_mask_].status;
      complete_send(position, status);
      if (status != WorkStatus::success) fail();
      ++done;
      continue;
    }
    const auto position = executed_;
    Send& send = sends_[position & send_mask_];
    Plan& plan = plans_[position & send_mask_];
    const auto fault = plan.verdict.fault;
    if (fault != Verdict::Fault::fail_undelivered && carry_out(position) == Outcome::not_ready) {
      if (!give_up_or_wait()) break;
      ++done;
      if (executed_ == position)
        plan.execute_due = scheduler_->now() + scheduler_->rnr_delay();  // tries again
      plan.complete_due = std::max({plan.complete_due, plan.execute_due, scheduler_->now()});
      continue;
    }
    if (fault == Verdict::Fault::fail_undelivered ||
        (fault == Verdict::Fault::fail_delivered && send.status == WorkStatus::success))
      send.status = plan.verdict.status;
    rnr_retries_ = 0;
    ++executed_;
    ++done;
  }
  if (state_ == State::ready && completed_ != posted_) enqueue();
  return done;
}

QueuePair::Outcome QueuePair::carry_out(std::uint32_t position) noexcept {
  Send& send = sends_[position & send_mask_];
  if (!peer_ || peer_->state_ != State::ready) {
    if (peer_ && peer_->state_ == State::created) return Outcome::not_ready;  // has not seen our reply yet
    send.status = WorkStatus::retry_exceeded;
    return Outcome::done;
  }
  const auto slot = position & send_mask_;
  const fabric::Sge* sges = sges_.data() + std::size_t{slot} * max_sges_;
  const std::byte* inlined = inlined_.data() + std::size_t{slot} * inline_bytes_;
  if (send.opcode == SendOpcode::send) {
    if (peer_->receives_used_ == peer_->receives_posted_) return Outcome::not_ready;
    carry_send(send, sges, inlined);
  } else {
    carry_rdma(send, sges, inlined);
  }
  if (send.status == WorkStatus::success) rnr_retries_ = 0;
  return Outcome::done;
}

bool QueuePair::local_allowed(const Send& send, const fabric::Sge* sges) const noexcept {
  if (send.inlined) return true;
  const MemoryTable& memory = device_->memory();
  for (std::uint16_t i = 0; i < send.sges; ++i)
    if (!memory.allows_local(sges[i].lkey, sges[i].address, sges[i].bytes)) return false;
  return true;
}

void QueuePair::carry_send(Send& send, const fabric::Sge* sges, const std::byte* inlined) noexcept {
  if (!local_allowed(send, sges)) {
    send.status = WorkStatus::local_error;
    return;
  }
  QueuePair& peer = *peer_;
  const fabric::Sge& to = peer.receives_[peer.receives_used_ & peer.receive_mask_].sge;
  if (send.bytes > to.bytes || !peer.device_->memory().allows_local(to.lkey, to.address, send.bytes)) {
    peer.complete_receive(WorkStatus::local_error, 0);
    peer.fail();
    send.status = WorkStatus::remote_operation;
    return;
  }
  if (scheduler_) peer.observe(to.address, send.bytes, true, false);
  gather(send, sges, inlined, to.address);
  peer.complete_receive(WorkStatus::success, send.bytes);
}

void QueuePair::carry_rdma(Send& send, const fabric::Sge* sges, const std::byte* inlined) noexcept {
  if (!local_allowed(send, sges)) {
    send.status = WorkStatus::local_error;
    return;
  }
  QueuePair& peer = *peer_;
  const bool read = send.opcode == SendOpcode::rdma_read;
  if (read && !peer.serves_reads_) {
    peer.refuse_peer("an RDMA READ where responder_resources is 0");
    send.status = WorkStatus::remote_operation;
    return;
  }
  if (!peer.device_->memory().allows_remote(send.rkey, send.remote_address, send.bytes)) {
    peer.refuse_peer(read ? "an RDMA READ outside of the memory its rkey gives access to"
                          : "an RDMA WRITE outside of the memory its rkey gives access to");
    send.status = WorkStatus::remote_access;
    return;
  }
  auto* remote = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(send.remote_address));
  if (scheduler_) peer.observe(remote, send.bytes, !read, true);
  if (!read) {
    gather(send, sges, inlined, remote);
    return;
  }
  for (std::uint16_t i = 0; i < send.sges; ++i) {
    if (sges[i].bytes == 0) continue;
    if (scheduler_) observe(sges[i].address, sges[i].bytes, true, false);
    std::memmove(sges[i].address, remote, sges[i].bytes);
    remote += sges[i].bytes;
  }
}

void QueuePair::gather(const Send& send, const fabric::Sge* sges, const std::byte* inlined,
                       std::byte* to) const noexcept {
  if (send.inlined) {
    if (send.bytes != 0) std::memcpy(to, inlined, send.bytes);
    return;
  }
  for (std::uint16_t i = 0; i < send.sges; ++i) {
    if (sges[i].bytes == 0) continue;
    if (scheduler_) observe(sges[i].address, sges[i].bytes, false, false);
    std::memmove(to, sges[i].address, sges[i].bytes);  // source and destination may be the same memory
    to += sges[i].bytes;
  }
}

void QueuePair::refuse_peer(const char* violation) noexcept {
  violation_ = violation;
  fail();
}

void QueuePair::observe(const std::byte* address, std::size_t bytes, bool write, bool remote) const noexcept {
  scheduler_->on_access(
      {.address = address, .bytes = bytes, .write = write, .remote = remote, .connection = connection_});
}

}  // namespace srpi::loopback
