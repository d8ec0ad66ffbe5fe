// SPDX-License-Identifier: Apache-2.0
#include "frontend/nbd/reply_queue.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace srp_nbd {

Job* ReplyQueue::pop(JobList& list) noexcept {
  if (list.empty()) return nullptr;
  Job& job = list.front();
  list.pop_front();
  return &job;
}

void ReplyQueue::send() {
  if (is_sending() || waiting_.empty()) return;
  std::size_t count = 0;
  auto last = waiting_.before_begin();
  for (auto& job : waiting_) {
    if (count + 1 + job.blocks > kMaxVectors) break;
    vectors_[count++] = {&job.reply, sizeof job.reply};
    std::size_t rest = job.request.length;
    for (std::uint32_t i = 0; i < job.blocks; ++i) {
      const std::size_t use = std::min(rest, ReadPool::bytes_of(job.block[i].order));
      vectors_[count++] = {job.block[i].data, use};
      rest -= use;
    }
    ++last;
  }
  batch_.splice_after(batch_.before_begin(), waiting_, waiting_.before_begin(), last);
  message_ = {};
  message_.msg_iov = vectors_.data();
  message_.msg_iovlen = count;
  send_message();
}

void ReplyQueue::send_message() {
  progress_ = std::chrono::steady_clock::now();
  ring_.send(sending_, fd_, message_);
}

bool ReplyQueue::send_rest(int result) {
  if (result == -EINTR || result == -EAGAIN) result = 0;
  if (result < 0) return false;
  auto sent = static_cast<std::size_t>(result);
  while (message_.msg_iovlen > 0 && sent >= message_.msg_iov->iov_len) {
    sent -= message_.msg_iov->iov_len;
    ++message_.msg_iov;
    --message_.msg_iovlen;
  }
  if (message_.msg_iovlen == 0) return false;
  message_.msg_iov->iov_base = static_cast<std::byte*>(message_.msg_iov->iov_base) + sent;
  message_.msg_iov->iov_len -= sent;
  send_message();
  return true;
}

// The kernel continues a started send by itself and does not report its progress. The number of unread bytes
// in the socket shows it: while the client reads, this number changes between two calls.
bool ReplyQueue::is_stuck_since(Time limit) noexcept {
  if (!is_sending()) return false;
  int unread = 0;
  if (::ioctl(fd_, SIOCOUTQ, &unread) == 0 && std::exchange(unread_bytes_, unread) != unread)
    progress_ = std::chrono::steady_clock::now();
  return progress_ < limit;
}

}  // namespace srp_nbd
