// SPDX-License-Identifier: Apache-2.0
// The rings of a queue pair: posting, polling, flushing. transport.cpp has the transfer to the peer.
#include "loopback/queue_pair.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.hpp"
#include "base/make_error.hpp"

namespace srpi::loopback {

using fabric::Completion;
using fabric::SendOpcode;
using fabric::WorkStatus;

void ReadyList::append(QueuePair& qp) noexcept {
  qp.listed_ = true;
  qp.next_ = nullptr;
  qp.previous_ = last_;
  (last_ ? last_->next_ : first_) = &qp;
  last_ = &qp;
  ++size_;
}

void ReadyList::remove(QueuePair& qp) noexcept {
  if (!qp.listed_) return;
  (qp.previous_ ? qp.previous_->next_ : first_) = qp.next_;
  (qp.next_ ? qp.next_->previous_ : last_) = qp.previous_;
  qp.next_ = qp.previous_ = nullptr;
  qp.listed_ = false;
  --size_;
}

Result<> QueuePair::create(const fabric::QueueLimits& limits) {
  if (state_ != State::reset) return Error{Errc::wrong_state, "the queues exist already"};
  if (limits.send_depth == 0 || limits.receive_depth == 0 || limits.send_depth > kMaxDepth ||
      limits.receive_depth > kMaxDepth || limits.send_sges == 0 || limits.send_sges > kMaxSges)
    return Error{
        Errc::invalid_argument,
        fmt::format(
            "queues of {} sends with {} SGEs and {} receives: the loopback device permits 1 to {}, 1 to {} "
            "and 1 to {}",
            limits.send_depth, limits.send_sges, limits.receive_depth, kMaxDepth, kMaxSges, kMaxDepth)};
  send_depth_ = limits.send_depth;
  receive_depth_ = limits.receive_depth;
  max_sges_ = limits.send_sges;
  inline_bytes_ = std::min(limits.inline_bytes, kMaxInlineBytes);
  const auto send_slots = std::bit_ceil(send_depth_);
  const auto receive_slots = std::bit_ceil(receive_depth_);
  const auto completion_slots = std::bit_ceil(send_depth_ + receive_depth_);
  sends_.resize(send_slots);
  sges_.resize(std::size_t{send_slots} * max_sges_);
  inlined_.resize(std::size_t{send_slots} * inline_bytes_);
  if (scheduler_) plans_.resize(send_slots);
  receives_.resize(receive_slots);
  completions_.resize(completion_slots);
  send_mask_ = send_slots - 1;
  receive_mask_ = receive_slots - 1;
  completion_mask_ = completion_slots - 1;
  state_ = State::created;
  return {};
}

Result<> QueuePair::post_send(std::span<const fabric::SendWork> works) noexcept {
  if (state_ != State::ready && state_ != State::error)
    return base::make_error(state_ == State::gone ? Errc::no_connect : Errc::wrong_state,
                            "sends need a connected queue pair");
  for (const auto& work : works) {
    if (posted_ - retired_ == send_depth_)
      return base::make_error(Errc::no_memory, "all {} slots of the send queue are in use", send_depth_);
    if (work.sges.size() > max_sges_)
      return base::make_error(Errc::invalid_argument, "{} SGEs; the queue pair was created for {}",
                              work.sges.size(), max_sges_);
    const auto slot = posted_ & send_mask_;
    Send& send = sends_[slot];
    std::uint64_t bytes = 0;
    for (const auto& sge : work.sges) bytes += sge.bytes;
    if (bytes > 0x8000'0000u) return base::make_error(Errc::too_large, "a message has at most 2^31 bytes");
    if (work.inlined) {
      if (bytes > inline_bytes_ || work.opcode == SendOpcode::rdma_read)
        return base::make_error(Errc::invalid_argument,
                                "{} bytes inline; at most {} bytes of a send or RDMA WRITE are permitted",
                                bytes, inline_bytes_);
      auto* to = inlined_.data() + std::size_t{slot} * inline_bytes_;
      for (const auto& sge : work.sges) {
        if (sge.bytes == 0) continue;
        std::memcpy(to, sge.address, sge.bytes);
        to += sge.bytes;
      }
    } else {
      auto* to = sges_.data() + std::size_t{slot} * max_sges_;
      for (const auto& sge : work.sges) *to++ = sge;
    }
    send.id = work.id;
    send.remote_address = work.remote_address;
    send.rkey = work.rkey;
    send.bytes = static_cast<std::uint32_t>(bytes);
    send.sges = static_cast<std::uint16_t>(work.sges.size());
    send.opcode = work.opcode;
    send.signaled = work.signaled;
    send.inlined = work.inlined;
    send.status = WorkStatus::success;
    if (scheduler_ && state_ == State::ready) plan(posted_);
    ++posted_;
    if (state_ == State::error) {
      executed_ = posted_;
      complete_send(completed_++, WorkStatus::flushed);
    }
  }
  if (completed_ != posted_ && !waiting_) enqueue();
  return {};
}

Result<> QueuePair::post_receive(std::span<const fabric::ReceiveWork> works) noexcept {
  if (state_ == State::reset || state_ == State::gone)
    return base::make_error(state_ == State::gone ? Errc::no_connect : Errc::wrong_state,
                            "the queues do not exist");
  for (const auto& work : works) {
    if (receives_posted_ - receives_retired_ == receive_depth_)
      return base::make_error(Errc::no_memory, "all {} slots of the receive queue are in use",
                              receive_depth_);
    Receive& receive = receives_[receives_posted_++ & receive_mask_];
    receive.id = work.id;
    receive.sge = work.sge;
    if (state_ == State::error) complete_receive(WorkStatus::flushed, 0);
  }
  // A peer that waits for a receive may go on. With a Scheduler, the peer has its own time for the next try.
  if (peer_ && peer_->waiting_) {
    peer_->waiting_ = false;
    peer_->rnr_retries_ = 0;
    peer_->enqueue();
  }
  return {};
}

std::size_t QueuePair::poll(std::span<Completion> out) noexcept {
  const std::size_t n = std::min<std::size_t>(out.size(), completions_in_ - completions_out_);
  for (std::size_t i = 0; i < n; ++i) {
    const Done& done = completions_[completions_out_++ & completion_mask_];
    out[i] = done.completion;
    if (done.completion.receive)
      ++receives_retired_;
    else
      retired_ = done.retires_sends_to;
  }
  return n;
}

void QueuePair::push(const Completion& completion, std::uint32_t retires_sends_to) noexcept {
  SRPI_CHECK(completions_in_ - completions_out_ <= completion_mask_);
  completions_[completions_in_++ & completion_mask_] = {completion, retires_sends_to};
}

void QueuePair::complete_send(std::uint32_t position, WorkStatus status) noexcept {
  const Send& send = sends_[position & send_mask_];
  if (status == WorkStatus::success && !send.signaled) return;
  push({.id = send.id, .status = status}, position + 1);
}

void QueuePair::complete_receive(WorkStatus status, std::uint32_t bytes) noexcept {
  const Receive& receive = receives_[receives_used_++ & receive_mask_];
  push({.id = receive.id, .status = status, .receive = true, .bytes = bytes}, 0);
}

void QueuePair::become_ready() noexcept {
  SRPI_CHECK(state_ == State::created);
  state_ = State::ready;
  if (peer_ && peer_->waiting_) {
    peer_->waiting_ = false;
    peer_->enqueue();
  }
}

void QueuePair::fail() noexcept {
  if (state_ == State::gone || state_ == State::error || state_ == State::reset) return;
  state_ = State::error;
  list_.remove(*this);
  waiting_ = false;
  // Requests that were executed, but not acknowledged, are flushed too. A poster cannot tell the difference.
  while (completed_ != posted_) complete_send(completed_++, WorkStatus::flushed);
  executed_ = posted_;
  while (receives_used_ != receives_posted_) complete_receive(WorkStatus::flushed, 0);
}

void QueuePair::break_with(WorkStatus status) noexcept {
  if (state_ != State::ready) return;
  if (completed_ != posted_)
    complete_send(completed_++, status);
  else if (receives_used_ != receives_posted_)
    complete_receive(status, 0);
  fail();
}

void QueuePair::destroy() noexcept {
  list_.remove(*this);
  state_ = State::gone;
  completions_out_ = completions_in_;
  executed_ = completed_ = posted_;
  receives_used_ = receives_posted_;
  if (!peer_) return;
  peer_->peer_ = nullptr;
  // No receive will be posted here any more. Wake the waiting peer, so that it fails.
  if (peer_->waiting_) {
    peer_->waiting_ = false;
    peer_->enqueue();
  }
  peer_ = nullptr;
}

}  // namespace srpi::loopback
