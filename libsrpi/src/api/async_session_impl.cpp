// SPDX-License-Identifier: Apache-2.0
#include "api/async_session_impl.hpp"

#include <algorithm>
#include <utility>

namespace srpi {
namespace {

constexpr std::size_t kChunkBytes = 128u << 10;
constexpr std::size_t kChunks = AsyncSession::kMaxTransferBytes / kChunkBytes;
constexpr int kPollsPerTurn = 64;  // then other handlers of the executor run

// It deletes itself when it has completed the operation.
TaskRequest* new_task(detail::AsyncOperation* op) {
  auto* const request = new TaskRequest;
  request->context = op;
  request->on_complete = [](TaskRequest& r) noexcept {
    static_cast<detail::AsyncOperation*>(r.context)->complete(r.status, 0);
    delete &r;
  };
  return request;
}

}  // namespace

struct AsyncSession::Impl::Io {
  IoRequest request;
  Impl* impl;
  LogicalUnit* unit;
  std::vector<boost::asio::mutable_buffer> user;
  std::size_t bytes;        // of `user`
  std::size_t chunk_bytes;  // whole blocks, because segments must be
  std::vector<Segment> segments;
  detail::AsyncOperation* operation;

  [[nodiscard]] std::size_t chunks() const { return (bytes + chunk_bytes - 1) / chunk_bytes; }
  [[nodiscard]] std::vector<boost::asio::mutable_buffer> pool() const {
    std::vector<boost::asio::mutable_buffer> buffers;
    for (const auto& s : segments) buffers.emplace_back(s.address, s.bytes);
    return buffers;
  }
};

AsyncSession::Impl::Impl(boost::asio::any_io_executor executor)
    : executor_(executor), readable_(executor), pool_(kChunks * kChunkBytes) {
  for (std::size_t i = kChunks; i-- > 0;) free_.push_back(pool_.data() + i * kChunkBytes);
}

void AsyncSession::Impl::connect(const TargetAddress& address, const SessionOptions& options,
                                 detail::AsyncOperation* op) {
  if (session_) return fail_at_once({Errc::wrong_state, "there is a session already: erase it first"}, op);
  auto session = Session::create(address, options, this);
  if (!session) return fail_at_once(session.error(), op);
  auto memory = (*session)->register_memory(pool_);
  if (!memory) return fail_at_once(memory.error(), op);
  session_ = std::move(*session);
  memory_ = std::move(*memory);
  readable_.assign(session_->fd());
  connecting_.push_back(op);
  drive_soon();
}

void AsyncSession::Impl::reconnect(detail::AsyncOperation* op) {
  if (!session_) return fail_at_once(absence_, op);
  if (auto done = session_->reconnect(); !done) return fail_at_once(done.error(), op);
  if (session_->state() == SessionState::live) return op->complete(Errc::ok, 0);
  connecting_.push_back(op);
  drive_soon();
}

void AsyncSession::Impl::wait(SessionState state, detail::AsyncOperation* op) {
  if (!session_) return op->complete(Errc::wrong_state, 0);
  waiters_.push_back({state, op});
  end_waiters(session_->state());
}

Result<> AsyncSession::Impl::disconnect() {
  if (!session_) return absence_;
  auto done = session_->disconnect();
  drive_soon();
  return done;
}

void AsyncSession::Impl::erase() {
  if (!session_) return;
  session_->erase();
  while (session_->poll() > 0) {
  }
  fail_waiting();                                // also operations that were started after the erasure
  if (readable_.is_open()) readable_.release();  // the descriptor belongs to the session
  memory_.reset();
  session_.reset();
  absence_.detail = "the session is erased: async_connect makes another one";
}

// The unit may be of another session, or of one that is erased.
Errc AsyncSession::Impl::check(const LogicalUnit& unit) const noexcept {
  if (!session_) return Errc::wrong_state;
  const auto units = session_->logical_units();
  const bool own = std::ranges::any_of(units, [&](const auto& u) { return u.get() == &unit; });
  return own ? Errc::ok : Errc::invalid_argument;
}

void AsyncSession::Impl::io(LogicalUnit& unit, const detail::AsyncIo& wanted, detail::AsyncOperation* op) {
  if (const auto refusal = check(unit); refusal != Errc::ok) return op->complete(refusal, 0);
  const auto block = unit.info().block_size;
  auto io = std::make_unique<Io>(Io{.request = {},
                                    .impl = this,
                                    .unit = &unit,
                                    .user = wanted.buffers,
                                    .bytes = boost::asio::buffer_size(wanted.buffers),
                                    .chunk_bytes = kChunkBytes / block * block,
                                    .segments = {},
                                    .operation = op});
  if (io->bytes % block != 0) return op->complete(Errc::misaligned, 0);
  if (io->chunks() > kChunks) return op->complete(Errc::too_large, 0);
  io->request.operation = wanted.operation;
  io->request.force_unit_access = wanted.force_unit_access;
  io->request.first_block = wanted.first_block;
  io->request.blocks = wanted.blocks + io->bytes / block;
  io->request.context = io.get();
  io->request.on_complete = &Impl::on_complete;
  waiting_.push_back(io.get());  // it is submitted after the next poll, which need not be woken by that
  io.release();
  drive_soon();
}

void AsyncSession::Impl::task(LogicalUnit& unit, Errc (LogicalUnit::*function)(TaskRequest&) noexcept,
                              detail::AsyncOperation* op) {
  if (const auto refusal = check(unit); refusal != Errc::ok) return op->complete(refusal, 0);
  if (function == &LogicalUnit::abort)
    std::erase_if(waiting_,
                  [&](Io* io) { return io->unit == &unit && (finish(*io, Errc::cancelled), true); });
  (unit.*function)(*new_task(op));
  drive_soon();
}

void AsyncSession::Impl::rescan(detail::AsyncOperation* op) {
  if (!session_) return op->complete(Errc::wrong_state, 0);
  session_->rescan(*new_task(op));
  drive_soon();
}

void AsyncSession::Impl::fail_at_once(const Error& error, detail::AsyncOperation* op) {
  why_ = error;
  op->complete(error.code, 0);
}

void AsyncSession::Impl::submit_waiting() {
  while (!waiting_.empty()) {
    auto& io = *waiting_.front();
    const auto need = io.chunks();
    if (need > free_.size()) return;  // in order, so that small requests cannot delay a large one for ever
    waiting_.pop_front();
    for (std::size_t i = 0; i < need; ++i) {
      const auto bytes = std::min(io.chunk_bytes, io.bytes - i * io.chunk_bytes);
      io.segments.push_back({free_.back(), static_cast<std::uint32_t>(bytes), memory_.get()});
      free_.pop_back();
    }
    if (io.request.operation == IoOperation::write) boost::asio::buffer_copy(io.pool(), io.user);
    io.request.data = io.segments;
    io.unit->submit(io.request);
  }
}

void AsyncSession::Impl::on_complete(IoRequest& request) noexcept {
  auto& io = *static_cast<Io*>(request.context);
  auto& self = *io.impl;
  if (request.operation == IoOperation::read && request.status == Errc::ok)
    boost::asio::buffer_copy(io.user, io.pool());
  for (const auto& s : io.segments) self.free_.push_back(s.address);
  self.finish(io, request.status);
}

void AsyncSession::Impl::finish(Io& io, Errc status) {
  io.operation->complete(status, status == Errc::ok ? io.bytes : 0);
  delete &io;
}

void AsyncSession::Impl::fail_waiting() {
  for (auto* io : std::exchange(waiting_, {})) finish(*io, Errc::no_connect);
}

void AsyncSession::Impl::fail_connecting(const Error& error) {
  why_ = error;
  end_connecting(error.code);
}

void AsyncSession::Impl::end_connecting(Errc status) {
  for (auto* op : std::exchange(connecting_, {})) op->complete(status, 0);
}

// No state follows `erased`.
void AsyncSession::Impl::end_waiters(SessionState state) {
  std::erase_if(waiters_, [&](const Waiter& waiter) {
    if (waiter.state != state && state != SessionState::erased) return false;
    waiter.operation->complete(waiter.state == state ? Errc::ok : Errc::no_connect, 0);
    return true;
  });
}

void AsyncSession::Impl::drive_soon() {
  if (std::exchange(driving_, true)) return;
  boost::asio::post(executor_, [self = weak_from_this()] {
    if (auto impl = self.lock()) impl->drive();
  });
}

void AsyncSession::Impl::drive() {
  driving_ = false;
  if (!session_) return;
  for (int turn = 0; turn < kPollsPerTurn; ++turn) {
    const auto done = session_->poll();
    submit_waiting();
    if (done == 0 && session_->arm()) return sleep();
  }
  drive_soon();
}

void AsyncSession::Impl::sleep() {
  if (std::exchange(sleeping_, true)) return;
  readable_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = weak_from_this()](const boost::system::error_code&) {
                         auto impl = self.lock();
                         if (!impl) return;
                         impl->sleeping_ = false;
                         impl->drive_soon();
                       });
}

// An operation that waits for a connection completes at the end of the attempt: in state live, by
// on_attempt_failed, or in one of the two states that end the attempt for another reason.
void AsyncSession::Impl::on_state(SessionState, SessionState to, const Error& cause) {
  end_waiters(to);
  switch (to) {
    case SessionState::live: return end_connecting(Errc::ok);
    case SessionState::disconnecting:
    case SessionState::erased:
      fail_waiting();
      if (cause.code != Errc::ok)
        fail_connecting(cause);
      else if (!connecting_.empty())
        fail_connecting({Errc::no_connect, "the session was told to disconnect before it was live"});
      return;
    case SessionState::disconnected:
      if (cause.code != Errc::ok) why_ = cause;
      return;
    case SessionState::connecting:
    case SessionState::recovering: return;
  }
}

}  // namespace srpi
