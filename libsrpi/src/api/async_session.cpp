// SPDX-License-Identifier: Apache-2.0
// Drives a Session from an Asio executor: polls while there is work, sleeps on the session's file descriptor.
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "srpi/asio.hpp"

namespace srpi {
namespace {

constexpr std::size_t kChunkBytes = 128u << 10;
constexpr std::size_t kChunks = AsyncSession::kMaxTransferBytes / kChunkBytes;
constexpr int kPollsPerTurn = 64;  // then other handlers of the executor run

}  // namespace

class AsyncSession::Impl final : public std::enable_shared_from_this<Impl>, private SessionObserver {
 public:
  explicit Impl(boost::asio::any_io_executor executor)
      : executor_(executor), readable_(executor), pool_(kChunks * kChunkBytes) {
    for (std::size_t i = kChunks; i-- > 0;) free_.push_back(pool_.data() + i * kChunkBytes);
  }

  void connect(const TargetAddress& address, const SessionOptions& options, detail::AsyncOperation* op) {
    if (session_) return op->complete(Errc::wrong_state, 0);
    auto session = Session::create(address, options, this);
    if (!session) return fail_at_once(session.error(), op);
    session_ = std::move(*session);
    auto memory = session_->register_memory(pool_);
    if (!memory) return fail_at_once(memory.error(), op);
    memory_ = std::move(*memory);
    readable_.assign(session_->fd());
    connecting_.push_back(op);
    drive_soon();
  }

  void reconnect(detail::AsyncOperation* op) {
    if (!session_) return op->complete(Errc::wrong_state, 0);
    if (auto done = session_->reconnect(); !done) return fail_at_once(done.error(), op);
    if (session_->state() == SessionState::live) return op->complete(Errc::ok, 0);
    connecting_.push_back(op);
    drive_soon();
  }

  Result<> disconnect() {
    if (!session_) return Error{Errc::wrong_state, "not connected yet"};
    auto done = session_->disconnect();
    drive_soon();
    return done;
  }

  // After the call no operation is outstanding, and the session is destroyed.
  void erase() {
    if (!session_) return;
    session_->erase();
    while (session_->poll() > 0) {
    }
    fail_waiting();                                // also operations that were started after the erasure
    if (readable_.is_open()) readable_.release();  // the descriptor belongs to the session
    memory_.reset();
    session_.reset();
  }

  void io(LogicalUnit& unit, IoOperation operation, std::uint64_t first_block, std::byte* bytes,
          std::size_t size, detail::AsyncOperation* op) {
    if (!session_) return op->complete(Errc::wrong_state, 0);
    if (size > kMaxTransferBytes) return op->complete(Errc::too_large, 0);
    const auto block = unit.info().block_size;
    if (size % block != 0) return op->complete(Errc::misaligned, 0);
    auto* io = new Io{.request = {},
                      .impl = this,
                      .unit = &unit,
                      .user = bytes,
                      .size = size,
                      .chunks = {},
                      .segments = {},
                      .operation = op};
    io->request.operation = operation;
    io->request.first_block = first_block;
    io->request.blocks = size / block;
    io->request.context = io;
    io->request.on_complete = &Impl::on_complete;
    waiting_.push_back(io);  // it is submitted after the next poll, which need not be woken by that
    drive_soon();
  }

  void task(LogicalUnit& unit, Errc (LogicalUnit::*function)(TaskRequest&) noexcept,
            detail::AsyncOperation* op) {
    if (!session_) return op->complete(Errc::wrong_state, 0);
    if (function == &LogicalUnit::abort) {
      std::deque<Io*> others;
      for (auto* io : std::exchange(waiting_, {})) {
        if (io->unit == &unit)
          finish(*io, Errc::cancelled);
        else
          others.push_back(io);
      }
      waiting_ = std::move(others);
    }
    auto* request = new TaskRequest;
    request->context = op;
    request->on_complete = [](TaskRequest& r) noexcept {
      static_cast<detail::AsyncOperation*>(r.context)->complete(r.status, 0);
      delete &r;
    };
    (unit.*function)(*request);
    drive_soon();
  }

  [[nodiscard]] Session& session() noexcept { return *session_; }
  [[nodiscard]] const Error& why() const noexcept { return why_; }

 private:
  struct Io {
    IoRequest request;
    Impl* impl;
    LogicalUnit* unit;
    std::byte* user;
    std::size_t size;
    std::vector<std::byte*> chunks;
    std::vector<Segment> segments;
    detail::AsyncOperation* operation;
  };

  void fail_at_once(const Error& error, detail::AsyncOperation* op) {
    why_ = error;
    op->complete(error.code, 0);
  }

  void submit_waiting() {
    while (!waiting_.empty()) {
      auto& io = *waiting_.front();
      const auto need = (io.size + kChunkBytes - 1) / kChunkBytes;
      if (need > free_.size()) return;  // in order, so that small requests cannot delay a large one for ever
      waiting_.pop_front();
      for (std::size_t i = 0; i < need; ++i) {
        auto* chunk = free_.back();
        free_.pop_back();
        io.chunks.push_back(chunk);
        const auto bytes = std::min(kChunkBytes, io.size - i * kChunkBytes);
        io.segments.push_back({chunk, static_cast<std::uint32_t>(bytes), memory_.get()});
        if (io.request.operation == IoOperation::write) std::memcpy(chunk, io.user + i * kChunkBytes, bytes);
      }
      io.request.data = io.segments;
      io.unit->submit(io.request);
    }
  }

  static void on_complete(IoRequest& request) noexcept {
    auto& io = *static_cast<Io*>(request.context);
    auto& self = *io.impl;
    if (request.operation == IoOperation::read && request.status == Errc::ok)
      for (std::size_t i = 0; i < io.segments.size(); ++i)
        std::memcpy(io.user + i * kChunkBytes, io.segments[i].address, io.segments[i].bytes);
    for (auto* chunk : io.chunks) self.free_.push_back(chunk);
    self.finish(io, request.status);
  }

  void finish(Io& io, Errc status) {
    io.operation->complete(status, status == Errc::ok ? io.size : 0);
    delete &io;
  }

  void fail_waiting() {
    for (auto* io : std::exchange(waiting_, {})) finish(*io, Errc::no_connect);
  }

  void fail_connecting(const Error& error) {
    why_ = error;
    end_connecting(error.code);
  }

  void end_connecting(Errc status) {
    for (auto* op : std::exchange(connecting_, {})) op->complete(status, 0);
  }

  void drive_soon() {
    if (std::exchange(driving_, true)) return;
    boost::asio::post(executor_, [self = weak_from_this()] {
      if (auto impl = self.lock()) impl->drive();
    });
  }

  void drive() {
    driving_ = false;
    if (!session_) return;
    for (int turn = 0; turn < kPollsPerTurn; ++turn) {
      const auto done = session_->poll();
      submit_waiting();
      if (done == 0 && session_->arm()) return sleep();
    }
    drive_soon();
  }

  void sleep() {
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
  void on_state(SessionState, SessionState to, const Error& cause) override {
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
  void on_attempt_failed(const Error& error) override { fail_connecting(error); }

  boost::asio::any_io_executor executor_;
  boost::asio::posix::stream_descriptor readable_;
  std::vector<std::byte> pool_;
  std::vector<std::byte*> free_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Memory> memory_;  // of pool_; must be destroyed before the session
  std::deque<Io*> waiting_;         // operations that wait for chunks
  std::vector<detail::AsyncOperation*> connecting_;
  Error why_;
  bool driving_ = false, sleeping_ = false;
};

AsyncSession::AsyncSession(boost::asio::any_io_executor executor)
    : executor_(executor), impl_(std::make_shared<Impl>(executor)) {}
AsyncSession::~AsyncSession() {
  if (impl_) impl_->erase();
}
AsyncSession::AsyncSession(AsyncSession&&) noexcept = default;
AsyncSession& AsyncSession::operator=(AsyncSession&& other) noexcept {
  if (impl_) impl_->erase();
  executor_ = other.executor_;
  impl_ = std::move(other.impl_);
  return *this;
}

Result<> AsyncSession::disconnect() { return impl_->disconnect(); }
void AsyncSession::erase() { impl_->erase(); }
Session& AsyncSession::session() noexcept { return impl_->session(); }
const Error& AsyncSession::why() const noexcept { return impl_->why(); }
void AsyncSession::start_connect(const TargetAddress& address, const SessionOptions& options,
                                 detail::AsyncOperation* op) {
  impl_->connect(address, options, op);
}
void AsyncSession::start_reconnect(detail::AsyncOperation* op) { impl_->reconnect(op); }
void AsyncSession::start_io(LogicalUnit& unit, IoOperation operation, std::uint64_t first_block,
                            std::byte* bytes, std::size_t size, detail::AsyncOperation* op) {
  impl_->io(unit, operation, first_block, bytes, size, op);
}
void AsyncSession::start_task(LogicalUnit& unit, Errc (LogicalUnit::*function)(TaskRequest&) noexcept,
                              detail::AsyncOperation* op) {
  impl_->task(unit, function, op);
}

}  // namespace srpi
