// SPDX-License-Identifier: Apache-2.0
// The turns of a lane's thread. lane_setup.cpp has its beginning and its end.
#include "lane/lane_loop.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "lane/connection.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {

namespace {
constexpr std::chrono::seconds kLookForStuck{1};  // this often, while somebody waits for memory
constexpr std::size_t kSmallReadBytes = 16384;
constexpr std::uint32_t kLeastRequests = 32;  // of a connection
}  // namespace

// Busy: everything that is there is done, then asked for again. Idle: some polls, then the session is armed and the
// thread sleeps in the ring, where its sockets, its eventfd and the session's descriptor wake it.
void Lane::Loop::run() {
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  const std::uint32_t idle_polls = cpus > 1 ? options_.idle_polls : 0;
  std::uint32_t idle = 0;
  for (;;) {
    std::size_t done = take_completions();  // requests are submitted here,
    done += run_posted();
    done += session_->poll();       // sent to the target, and completed, here,
    done += service_connections();  // and answered here
    done += resume_waiting();
    if (!waiting_.empty()) drop_stuck();
    remove_ended();
    if (stopping_ && connections_.empty()) return;
    if (done > 0) {
      idle = 0;
      io_uring_submit_and_get_events(&ring_);
    } else if (idle < idle_polls) {
      ++idle;
      io_uring_submit_and_get_events(&ring_);
    } else if (session_->arm()) {
      sleep();
    }
  }
}

void Lane::Loop::sleep() {
  if (!session_polled_) {
    session_polled_ = true;
    auto& sqe = next_sqe();
    io_uring_prep_poll_add(&sqe, session_->fd(), POLLIN);
    label(sqe, Event::session_ready, nullptr);
  }
  if (!wake_polled_) {
    wake_polled_ = true;
    auto& sqe = next_sqe();
    io_uring_prep_poll_add(&sqe, wake_.get(), POLLIN);
    label(sqe, Event::woken, nullptr);
  }
  if (waiting_.empty()) {
    io_uring_submit_and_wait(&ring_, 1);
    return;
  }
  io_uring_cqe* cqe = nullptr;
  __kernel_timespec time{kLookForStuck.count(), 0};
  io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &time, nullptr);
}

std::size_t Lane::Loop::take_completions() {
  std::size_t count = 0;
  io_uring_cqe* cqe = nullptr;
  while (io_uring_peek_cqe(&ring_, &cqe) == 0) {
    const auto data = static_cast<std::uintptr_t>(cqe->user_data);
    const int result = cqe->res;
    io_uring_cqe_seen(&ring_, cqe);
    ++count;
    auto* connection = reinterpret_cast<Connection*>(data & ~kEventMask);
    switch (static_cast<Event>(data & kEventMask)) {
      case Event::received:
        connection->on_received(result);
        break;
      case Event::sent:
        connection->on_sent(result);
        break;
      case Event::readable:
        connection->on_readable();
        break;
      case Event::woken:
        wake_polled_ = false;
        break;
      case Event::session_ready:
        session_polled_ = false;
        break;
    }
  }
  return count;
}

std::size_t Lane::Loop::run_posted() {
  std::vector<std::function<void(srpi::Session&)>> work;
  {
    const std::lock_guard lock(posted_mutex_);
    if (posted_.empty()) return 0;
    work.swap(posted_);
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(wake_.get(), &count, sizeof count);
  }
  // Whoever posted it sees that it is dropped; the lane goes on.
  for (auto& w : work) guarded([&] { std::exchange(w, nullptr)(*session_); });
  return work.size();
}

void Lane::Loop::post(std::function<void(srpi::Session&)> work) {
  const std::lock_guard lock(posted_mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() > 1) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
}

io_uring_sqe& Lane::Loop::next_sqe() {
  io_uring_sqe* sqe = nullptr;
  while ((sqe = io_uring_get_sqe(&ring_)) == nullptr) io_uring_submit(&ring_);
  return *sqe;
}

// After the prep function: that may clear the field.
void Lane::Loop::label(io_uring_sqe& sqe, Event event, const Connection* connection) {
  sqe.user_data = reinterpret_cast<std::uintptr_t>(connection) | static_cast<std::uintptr_t>(event);
}

void Lane::Loop::receive(Connection& connection, int fd, std::byte* to, std::size_t bytes) {
  auto& sqe = next_sqe();
  io_uring_prep_recv(&sqe, fd, to, bytes, 0);
  label(sqe, Event::received, &connection);
}

void Lane::Loop::wait_readable(Connection& connection, int fd) {
  auto& sqe = next_sqe();
  io_uring_prep_poll_add(&sqe, fd, POLLIN);
  label(sqe, Event::readable, &connection);
}

// Each of these can pin two chunks, one that it receives into and one with the rest of a block: some are left for all
// the others.
bool Lane::Loop::may_keep_chunk(Connection& connection) noexcept {
  if (connection.keeps_chunk) return true;
  if (chunk_keepers_ >= (chunks_->chunks() - 1) / 2) return false;
  ++chunk_keepers_;
  return connection.keeps_chunk = true;
}

void Lane::Loop::send(Connection& connection, int fd, const msghdr& message) {
  auto& sqe = next_sqe();
  io_uring_prep_sendmsg(&sqe, fd, &message, MSG_NOSIGNAL | MSG_WAITALL);
  label(sqe, Event::sent, &connection);
}

ChunkPool::Chunk* Lane::Loop::take_chunk() {
  // Chunks whose writes are on their way come back by themselves. Those of half-arrived writes may depend on clients
  // that have stopped sending; when few are left, such writes go on as far as they have come.
  if (chunks_->free_chunks() <= chunks_->chunks() / 4)
    for (auto& c : connections_) c->hand_on_partial_write();
  return chunks_->take();
}

void Lane::Loop::release_chunk(ChunkPool::Chunk& chunk) noexcept {
  if (chunks_->release(chunk)) memory_is_back_ = true;
}

// In turn. Who holds none gets what is small out of turn as well.
std::size_t Lane::Loop::take_read_blocks(Connection& connection, bool holds_none, std::size_t bytes,
                                         std::span<ReadPool::Block> blocks) {
  if (waiting_.empty() || waiting_.front() == &connection)
    if (const auto count = read_blocks_->take(bytes, blocks); count > 0) return count;
  return holds_none && bytes <= kSmallReadBytes ? small_read_blocks_->take(bytes, blocks) : 0;
}

void Lane::Loop::give_read_blocks(std::span<const ReadPool::Block> blocks) noexcept {
  auto& pool = blocks.front().data < small_reads_begin_ ? read_blocks_ : small_read_blocks_;
  pool->give(blocks);
  memory_is_back_ = true;
}

void Lane::Loop::wait_for_memory(Connection& connection) {
  if (std::exchange(connection.waiting, true)) return;
  waiting_.push_back(&connection);
}

void Lane::Loop::needs_service(Connection& connection) noexcept {
  if (std::exchange(connection.to_be_serviced, true)) return;
  to_service_.push_back(&connection);  // reserved: one entry a connection
}

std::size_t Lane::Loop::service_connections() {
  servicing_.swap(to_service_);
  const std::size_t count = servicing_.size();
  for (auto* c : servicing_) {
    c->to_be_serviced = false;
    c->service();
  }
  servicing_.clear();
  return count;
}

// The first gets it first; the others go on with what is not the same memory.
std::size_t Lane::Loop::resume_waiting() {
  if (!std::exchange(memory_is_back_, false)) return 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < waiting_.size();) {
    Connection& next = *waiting_[i];
    if (!next.resume()) {
      ++i;
      continue;
    }
    next.waiting = false;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
    ++count;
  }
  return count;
}

void Lane::Loop::drop_stuck() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kLookForStuck;
  const auto limit = now - options_.stuck_client;
  const bool chunks_are_out = chunks_->free_chunks() == 0;
  for (auto& c : connections_) {
    const char* what = nullptr;
    if (c->send_stuck_since(limit))
      what = "took none of its answers";
    else if (chunks_are_out && c->request_stuck_since(limit))
      what = "sent nothing of the request it had begun";
    if (what != nullptr)
      c->close({srpi::Errc::timed_out, words([&] {
                  return fmt::format(
                      "the client {} for {} s while others waited", what,
                      std::chrono::duration_cast<std::chrono::seconds>(options_.stuck_client).count());
                })});
  }
}

void Lane::Loop::remove_ended() {
  while (std::exchange(look_for_ended_, false)) {
    for (std::size_t i = 0; i < connections_.size();) {
      if (!connections_[i]->finished()) {
        ++i;
        continue;
      }
      const auto ended = std::move(connections_[i]);
      connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(i));
      std::erase(waiting_, ended.get());
      std::erase(to_service_, ended.get());
      if (ended->keeps_chunk) --chunk_keepers_;
      memory_is_back_ = true;
      if (callbacks_.on_connection_closed) callbacks_.on_connection_closed(ended->id(), ended->reason());
    }
  }
}

// Of one connection more: as many units as there are may each want one.
std::uint32_t Lane::Loop::request_share() const noexcept {
  const auto shares = std::max(session_->logical_units().size(), connections_.size() + 1);
  return std::min(options_.requests_per_connection,
                  std::max(kLeastRequests, static_cast<std::uint32_t>(options_.requests / shares)));
}

void Lane::Loop::refuse(std::uint64_t id, srpi::Error why) {
  if (callbacks_.on_connection_closed) callbacks_.on_connection_closed(id, why);
}

void Lane::Loop::serve(std::uint64_t id, UniqueFd fd, std::uint64_t lun, ServeOptions options) {
  if (stopping_) return refuse(id, {srpi::Errc::cancelled, {}});
  if (connections_.size() >= options_.max_connections)
    return refuse(id, {srpi::Errc::busy, words([&] {
                         return fmt::format("the lane serves {} connections already", connections_.size());
                       })});
  for (const auto& unit : session_->logical_units()) {
    if (unit->info().lun != lun) continue;
    return guarded(
        [&] {
          connections_.push_back(
              std::make_unique<Connection>(*this, id, std::move(fd), *unit, options, request_share()));
          connections_.back()->start();
        },
        [&] {
          refuse(id, {srpi::Errc::no_memory, {}});
        });
  }
  refuse(id, {srpi::Errc::no_such_lun,
              words([&] { return fmt::format("the session has no logical unit {}", lun); })});
}

void Lane::Loop::drop(std::uint64_t id) {
  for (auto& c : connections_)
    if (c->id() == id) c->close({});
}

void Lane::Loop::on_state(srpi::SessionState from, srpi::SessionState to, const srpi::Error& cause) {
  if (callbacks_.on_state) callbacks_.on_state(from, to, cause);
}
void Lane::Loop::on_logical_unit(srpi::LogicalUnit& unit) {
  if (callbacks_.on_logical_unit) callbacks_.on_logical_unit(unit);
}
void Lane::Loop::on_attempt_failed(const srpi::Error& why) {
  if (callbacks_.on_attempt_failed) callbacks_.on_attempt_failed(why);
}
void Lane::Loop::on_event(srpi::SessionEvent event, srpi::LogicalUnit* unit) {
  if (callbacks_.on_event) callbacks_.on_event(event, unit);
}

}  // namespace srp_nbd
