// SPDX-License-Identifier: Apache-2.0
#include "verbs/queues.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/make_error.hpp"
#include "verbs/work_status.hpp"

namespace srpi::verbs {
namespace {

// Acknowledging takes a lock in libibverbs, so many events are acknowledged at once.
constexpr unsigned kAcknowledgeBatch = 128;

Error creation_error(const Device& device, const std::string& what, int error) {
  const Errc code = error == ENOMEM || error == EMFILE || error == ENFILE ? Errc::no_memory
                    : error == EIO || error == ENODEV                     ? Errc::device_removed
                    : error == EPERM || error == EACCES                   ? Errc::permission_denied
                                                                          : Errc::invalid_argument;
  return {code, fmt::format("{}: create {}: {}{}", device.name(), what, std::strerror(error),
                            error == ENOMEM ? "; RLIMIT_MEMLOCK (ulimit -l) counts queues too" : "")};
}

std::optional<Error> beyond_limits(const Device& device, const fabric::QueueLimits& wanted) {
  const auto& has = device.limits();
  const auto check = [&](const char* what, std::uint64_t want, int limit,
                         const char* name) -> std::optional<Error> {
    if (want <= static_cast<std::uint64_t>(limit)) return std::nullopt;
    return Error{Errc::invalid_argument,
                 fmt::format("{}: {} {} requested, but the device permits at most {} ({})", device.name(),
                             want, what, limit, name)};
  };
  if (wanted.send_depth == 0 || wanted.receive_depth == 0 || wanted.send_sges == 0)
    return Error{Errc::invalid_argument,
                 device.name() + ": a queue needs a depth and scatter/gather entries greater than 0"};
  if (auto e = check("send work requests", wanted.send_depth, has.max_qp_wr, "max_qp_wr")) return e;
  if (auto e = check("receive work requests", wanted.receive_depth, has.max_qp_wr, "max_qp_wr")) return e;
  if (auto e = check("scatter/gather entries", wanted.send_sges, has.max_sge, "max_sge")) return e;
  return check("completions", std::uint64_t{wanted.send_depth} + wanted.receive_depth, has.max_cqe,
               "max_cqe");
}

// Devices differ in their limit for inline data and do not report it. So ask for less until it is granted.
Result<QueuePairHandle> create_queue_pair(const Device& device, ibv_cq* cq, const fabric::QueueLimits& limits,
                                          std::uint32_t& inline_bytes) {
  for (std::uint32_t wanted = limits.inline_bytes;; wanted /= 2) {
    ibv_qp_init_attr attributes{};
    attributes.send_cq = cq;
    attributes.recv_cq = cq;
    attributes.qp_type = IBV_QPT_RC;
    attributes.cap.max_send_wr = limits.send_depth;
    attributes.cap.max_recv_wr = limits.receive_depth;
    attributes.cap.max_send_sge = limits.send_sges;
    attributes.cap.max_recv_sge = 1;
    attributes.cap.max_inline_data = wanted;
    QueuePairHandle qp(ibv_create_qp(device.protection_domain(), &attributes));
    if (qp) {
      inline_bytes = attributes.cap.max_inline_data;
      return qp;
    }
    if (wanted == 0 || (errno != EINVAL && errno != ENOMEM))
      return creation_error(
          device,
          fmt::format("a queue pair of {} sends and {} receives", limits.send_depth, limits.receive_depth),
          errno);
  }
}

void fill(const ibv_wc& wc, fabric::Completion& completion) noexcept {
  completion.id = wc.wr_id;
  completion.status = work_status(wc.status);
  completion.receive = (wc.opcode & IBV_WC_RECV) != 0;
  completion.bytes = wc.byte_len;
  completion.vendor = static_cast<std::uint32_t>(wc.status) << 24 | (wc.vendor_err & 0xffffff);
}

ibv_wr_opcode verbs_opcode(fabric::SendOpcode opcode) noexcept {
  switch (opcode) {
    case fabric::SendOpcode::rdma_read: return IBV_WR_RDMA_READ;
    case fabric::SendOpcode::rdma_write: return IBV_WR_RDMA_WRITE;
    case fabric::SendOpcode::send: break;
  }
  return IBV_WR_SEND;
}

unsigned verbs_flags(const fabric::SendWork& work) noexcept {
  unsigned flags = 0;
  if (work.signaled) flags |= IBV_SEND_SIGNALED;
  if (work.inlined) flags |= IBV_SEND_INLINE;
  if (work.solicited) flags |= IBV_SEND_SOLICITED;
  return flags;
}

}  // namespace

Result<std::unique_ptr<Queues>> Queues::create(std::shared_ptr<Device> device,
                                               const fabric::QueueLimits& limits) {
  if (auto error = beyond_limits(*device, limits)) return *error;
  ibv_context* context = device->context();
  CompletionChannelHandle channel(ibv_create_comp_channel(context));
  if (!channel) return creation_error(*device, "a completion channel", errno);
  if (const int error = set_nonblocking(channel->fd); error != 0)
    return creation_error(*device, "a completion channel that does not block", error);

  const auto entries = static_cast<int>(limits.send_depth + limits.receive_depth);
  const auto vectors = static_cast<std::uint32_t>(std::max(context->num_comp_vectors, 1));
  CompletionQueueHandle cq(ibv_create_cq(context, entries, nullptr, channel.get(),
                                         static_cast<int>(limits.completion_vector % vectors)));
  if (!cq) return creation_error(*device, fmt::format("a completion queue of {} entries", entries), errno);

  std::uint32_t inline_bytes = 0;
  auto qp = create_queue_pair(*device, cq.get(), limits, inline_bytes);
  if (!qp) return qp.error();
  return std::unique_ptr<Queues>(
      new Queues(std::move(device), std::move(channel), std::move(cq), std::move(*qp), limits, inline_bytes));
}

Queues::Queues(std::shared_ptr<Device> device, CompletionChannelHandle channel, CompletionQueueHandle cq,
               QueuePairHandle qp, const fabric::QueueLimits& limits, std::uint32_t inline_bytes)
    : device_(std::move(device)),
      channel_(std::move(channel)),
      cq_(std::move(cq)),
      qp_(std::move(qp)),
      send_sges_(limits.send_sges),
      inline_bytes_(inline_bytes),
      send_sge_list_(kBatch * limits.send_sges) {
  for (std::size_t i = 0; i < kBatch; ++i) {
    send_wrs_[i].sg_list = &send_sge_list_[i * send_sges_];
    receive_wrs_[i].sg_list = &receive_sge_list_[i];
    receive_wrs_[i].num_sge = 1;
  }
}

Queues::~Queues() {
  qp_.reset();
  // Destroying the completion queue waits until its events are acknowledged.
  if (unacknowledged_events_ > 0) ibv_ack_cq_events(cq_.get(), unacknowledged_events_);
}

Error Queues::post_error(const char* verb, int error, std::size_t posted, std::size_t of) const noexcept {
  const char* reason = error == ENOMEM ? "the queue is full" : std::strerror(error);
  return base::make_error(
      error == ENOMEM || error == EINVAL ? Errc::invalid_argument : Errc::no_connect,
      "{}: {} on queue pair {}: {} of {} were posted, then: {}", [&] { return device_->name(); }, verb,
      qp_->qp_num, posted, of, reason);
}

Result<> Queues::post_send(std::span<const fabric::SendWork> works) noexcept {
  for (std::size_t done = 0; done < works.size();) {
    const std::size_t count = std::min(kBatch, works.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const fabric::SendWork& work = works[done + i];
      ibv_send_wr& wr = send_wrs_[i];
      SRPI_CHECK(work.sges.size() <= send_sges_);
      wr.wr_id = work.id;
      wr.next = i + 1 < count ? &send_wrs_[i + 1] : nullptr;
      wr.num_sge = static_cast<int>(work.sges.size());
      for (std::size_t s = 0; s < work.sges.size(); ++s)
        wr.sg_list[s] = {reinterpret_cast<std::uintptr_t>(work.sges[s].address), work.sges[s].bytes,
                         work.sges[s].lkey};
      wr.opcode = verbs_opcode(work.opcode);
      wr.send_flags = verbs_flags(work);
      wr.wr.rdma.remote_addr = work.remote_address;
      wr.wr.rdma.rkey = work.rkey;
    }
    ibv_send_wr* bad = nullptr;
    if (const int error = ibv_post_send(qp_.get(), send_wrs_.data(), &bad); error != 0)
      return post_error("post send", error, done + static_cast<std::size_t>(bad ? bad - send_wrs_.data() : 0),
                        works.size());
    done += count;
  }
  return {};
}

Result<> Queues::post_receive(std::span<const fabric::ReceiveWork> works) noexcept {
  for (std::size_t done = 0; done < works.size();) {
    const std::size_t count = std::min(kBatch, works.size() - done);
    for (std::size_t i = 0; i < count; ++i) {
      const fabric::ReceiveWork& work = works[done + i];
      receive_wrs_[i].wr_id = work.id;
      receive_wrs_[i].next = i + 1 < count ? &receive_wrs_[i + 1] : nullptr;
      receive_sge_list_[i] = {reinterpret_cast<std::uintptr_t>(work.sge.address), work.sge.bytes,
                              work.sge.lkey};
    }
    ibv_recv_wr* bad = nullptr;
    if (const int error = ibv_post_recv(qp_.get(), receive_wrs_.data(), &bad); error != 0)
      return post_error("post receive", error,
                        done + static_cast<std::size_t>(bad ? bad - receive_wrs_.data() : 0), works.size());
    done += count;
  }
  return {};
}

std::size_t Queues::poll_device(std::span<fabric::Completion> out) noexcept {
  ibv_wc wcs[kStash];
  std::size_t count = 0;
  while (count < out.size()) {
    const auto wanted = static_cast<int>(std::min(kStash, out.size() - count));
    // A negative result means a broken queue. The device also reports that as an asynchronous event.
    const int got = ibv_poll_cq(cq_.get(), wanted, wcs);
    for (int i = 0; i < got; ++i) fill(wcs[i], out[count++]);
    if (got < wanted) break;
  }
  return count;
}

std::size_t Queues::poll(std::span<fabric::Completion> out) noexcept {
  std::size_t count = 0;
  while (stash_begin_ < stash_end_ && count < out.size()) out[count++] = stash_[stash_begin_++];
  if (count == out.size()) return count;
  return count + poll_device(out.subspan(count));
}

bool Queues::arm() noexcept {
  if (stash_begin_ < stash_end_) return false;
  // Each earlier arm() may have left an event. Taking one is enough: a second one only ends the next sleep
  // early, and the following arm() takes it.
  if (armed_once_) {
    ibv_cq* cq = nullptr;
    void* context = nullptr;
    if (ibv_get_cq_event(channel_.get(), &cq, &context) == 0 && ++unacknowledged_events_ == kAcknowledgeBatch)
      ibv_ack_cq_events(cq_.get(), std::exchange(unacknowledged_events_, 0));
  }
  // After a failure to arm the caller must not sleep, because no event would wake it.
  if (ibv_req_notify_cq(cq_.get(), 0) != 0) return false;
  armed_once_ = true;
  // Completions that came before the request raise no event, so look for them.
  stash_begin_ = 0;
  stash_end_ = poll_device(stash_);
  return stash_end_ == 0;
}

void Queues::move_to_error() noexcept {
  ibv_qp_attr attributes{};
  attributes.qp_state = IBV_QPS_ERR;
  static_cast<void>(ibv_modify_qp(qp_.get(), &attributes, IBV_QP_STATE));
}

}  // namespace srpi::verbs
