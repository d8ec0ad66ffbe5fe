// SPDX-License-Identifier: Apache-2.0
// The data path: a reliable connected queue pair with its completion queue and completion channel.
//
// After creation, only error texts are allocated. The `vendor` of a completion has the verbs' status
// (ibv_wc_status) in its top byte and the device's syndrome in the others.
#pragma once

#include <infiniband/verbs.h>

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "fabric/endpoint.hpp"
#include "verbs/device.hpp"

namespace srpi::verbs {

class Queues {
 public:
  // The new queue pair is in RESET. Errors: invalid_argument (over a limit of the device, which the text
  // names), no_memory.
  [[nodiscard]] static Result<std::unique_ptr<Queues>> create(std::shared_ptr<Device>,
                                                              const fabric::QueueLimits&);
  // Destroys the queue pair. After that nothing can reach memory through it.
  ~Queues();
  Queues(const Queues&) = delete;
  Queues& operator=(const Queues&) = delete;

  [[nodiscard]] ibv_qp* queue_pair() const noexcept { return qp_.get(); }
  [[nodiscard]] ibv_cq* completion_queue() const noexcept { return cq_.get(); }
  [[nodiscard]] int fd() const noexcept { return channel_->fd; }
  [[nodiscard]] std::uint32_t inline_bytes() const noexcept { return inline_bytes_; }

  [[nodiscard]] Result<> post_send(std::span<const fabric::SendWork>) noexcept;
  [[nodiscard]] Result<> post_receive(std::span<const fabric::ReceiveWork>) noexcept;
  [[nodiscard]] std::size_t poll(std::span<fabric::Completion>) noexcept;
  [[nodiscard]] bool arm() noexcept;
  // Local; the peer is not involved. Posted work is flushed.
  void move_to_error() noexcept;

 private:
  static constexpr std::size_t kBatch = 32;  // work requests per call of the driver
  static constexpr std::size_t kStash = 16;

  Queues(std::shared_ptr<Device>, CompletionChannelHandle, CompletionQueueHandle, QueuePairHandle,
         const fabric::QueueLimits&, std::uint32_t inline_bytes);
  std::size_t poll_device(std::span<fabric::Completion>) noexcept;
  Error post_error(const char* verb, int error, std::size_t posted, std::size_t of) const noexcept;

  std::shared_ptr<Device> device_;
  CompletionChannelHandle channel_;
  CompletionQueueHandle cq_;
  QueuePairHandle qp_;
  const std::uint32_t send_sges_;
  const std::uint32_t inline_bytes_;

  // Reused by every post, because the driver copies them before it returns.
  std::array<ibv_send_wr, kBatch> send_wrs_{};
  std::vector<ibv_sge> send_sge_list_;  // send_sges_ for each of send_wrs_
  std::array<ibv_recv_wr, kBatch> receive_wrs_{};
  std::array<ibv_sge, kBatch> receive_sge_list_{};

  // Completions that arm() found. poll() returns them first.
  std::array<fabric::Completion, kStash> stash_{};
  std::size_t stash_begin_ = 0;
  std::size_t stash_end_ = 0;
  bool armed_once_ = false;  // an event may be waiting in the channel
  unsigned unacknowledged_events_ = 0;
};

}  // namespace srpi::verbs
