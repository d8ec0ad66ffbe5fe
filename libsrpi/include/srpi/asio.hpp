// SPDX-License-Identifier: Apache-2.0
// The same session for Boost.Asio programs. Every operation takes a completion token (callback, use_future,
// use_awaitable, …), and nothing needs to be polled.
//
//   srpi::AsyncSession session(co_await boost::asio::this_coro::executor);
//   co_await session.async_connect(target.address, target.overrides.applied_to({}), boost::asio::use_awaitable);
//   auto& unit = session.unit(0);
//   co_await session.async_read(unit, 0, boost::asio::buffer(block), boost::asio::use_awaitable);
//
// Threads: one at a time, as with every Asio object. The executor must be a strand or run in one thread. Its context
// must outlive the AsyncSession.
// Completion: exactly once for each operation, on the handler's executor, never from within the call.
// Errors: boost::system::error_code of srpi's category (error.hpp): it prints the words, and compares with Errc and
// Condition. Every operation fails with wrong_state before async_connect, after erase and on an object that was moved
// from; with invalid_argument for a unit that is not of the present session. why() has the text for a connection that
// failed or was lost.
// Buffers: any memory. The bytes are copied through a pool that is registered once. The poll-driven Session
// copies nothing.
// Memory: an operation allocates, and throws std::bad_alloc if there is none.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "srpi/export.hpp"
#include "srpi/session.hpp"

namespace srpi {

namespace detail {

// A pending operation. It completes once and then deletes itself.
class SRPI_EXPORT AsyncOperation {
 public:
  virtual void complete(Errc, std::size_t bytes) = 0;

 protected:
  ~AsyncOperation() = default;
};

template<class Handler>
class AsyncOperationOf final : public AsyncOperation {
 public:
  AsyncOperationOf(Handler handler, const boost::asio::any_io_executor& fallback)
      : handler_(std::move(handler)),
        work_(boost::asio::make_work_guard(boost::asio::get_associated_executor(handler_, fallback))) {}

  void complete(Errc status, std::size_t bytes) override {
    auto handler = std::move(handler_);
    auto work = std::move(work_);
    delete this;
    boost::system::error_code code;
    if (status != Errc::ok) code = make_error_code(status);
    boost::asio::post(work.get_executor(), [handler = std::move(handler), code, bytes]() mutable {
      std::move(handler)(code, bytes);
    });
  }

 private:
  using Executor = boost::asio::associated_executor_t<Handler, boost::asio::any_io_executor>;
  Handler handler_;
  boost::asio::executor_work_guard<Executor> work_;
};

// What an operation asks of a unit.
struct AsyncIo {
  IoOperation operation;
  bool force_unit_access = false;
  std::uint64_t first_block = 0;
  std::uint64_t blocks = 0;                            // unmap, write_zeroes
  std::vector<boost::asio::mutable_buffer> buffers{};  // read, write
};

}  // namespace detail

class SRPI_EXPORT AsyncSession {
 public:
  using Signature = void(boost::system::error_code, std::size_t bytes);  // bytes: 0 except for read and write
  static constexpr std::size_t kMaxTransferBytes = 4u << 20;             // of one async_read or async_write

  explicit AsyncSession(boost::asio::any_io_executor);
  ~AsyncSession();  // erases the session; outstanding operations complete with no_connect
  // The pending operations go on with the new object. The old one may be assigned to or destroyed; all other
  // functions report wrong_state.
  AsyncSession(AsyncSession&&) noexcept;
  AsyncSession& operator=(AsyncSession&&) noexcept;  // erases the session that it had

  // Completes when the session is live, or with the error of the first attempt. After an error the session
  // goes on with automatic attempts, as SessionState::disconnected says.
  // Permitted while there is no session: once, and again after erase().
  // Errors: those of Session::create; those of an attempt; wrong_state (there is a session).
  template<class Token>
  auto async_connect(TargetAddress address, SessionOptions options, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, address = std::move(address), options = std::move(options)](
                        detail::AsyncOperation* op) { start_connect(address, options, op); });
  }
  // Starts an attempt to connect now. Completes when the session is live again, or with the error of the
  // attempt.
  template<class Token>
  auto async_reconnect(Token&& token) {
    return initiate(std::forward<Token>(token), [this](detail::AsyncOperation* op) { start_reconnect(op); });
  }
  // As the functions of Session. Outstanding operations complete with no_connect. Errors: wrong_state (there is no
  // session).
  [[nodiscard]] Result<> disconnect();
  void erase();

  // Completes when the session is in that state, at once if it is already; or with no_connect when it is erased and can
  // not reach the state any more.
  template<class Token>
  auto async_wait(SessionState state, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, state](detail::AsyncOperation* op) { start_wait(state, op); });
  }

  // Reads or writes blocks of the unit. The buffers' bytes are a whole number of blocks in all, and kMaxTransferBytes at
  // most; with blocks whose size is not a power of two, some blocks less.
  // Ownership: the bytes stay the caller's and must be valid until completion. The buffer sequence is copied.
  // Errors: as LogicalUnit::submit, and too_large.
  template<class MutableBuffers, class Token>
  auto async_read(LogicalUnit& unit, std::uint64_t first_block, const MutableBuffers& buffers,
                  Token&& token) {
    return start(unit, {.operation = IoOperation::read, .first_block = first_block, .buffers = list(buffers)},
                 std::forward<Token>(token));
  }
  template<class ConstBuffers, class Token>
  auto async_write(LogicalUnit& unit, std::uint64_t first_block, const ConstBuffers& buffers, Token&& token) {
    return start(unit,
                 {.operation = IoOperation::write, .first_block = first_block, .buffers = list(buffers)},
                 std::forward<Token>(token));
  }
  // As async_write; the data are on stable storage at completion (IoRequest::force_unit_access).
  template<class ConstBuffers, class Token>
  auto async_write_through(LogicalUnit& unit, std::uint64_t first_block, const ConstBuffers& buffers,
                           Token&& token) {
    return start(unit,
                 {.operation = IoOperation::write,
                  .force_unit_access = true,
                  .first_block = first_block,
                  .buffers = list(buffers)},
                 std::forward<Token>(token));
  }
  // As the operations of that name (IoOperation). Errors: as LogicalUnit::submit.
  template<class Token>
  auto async_unmap(LogicalUnit& unit, std::uint64_t first_block, std::uint64_t blocks, Token&& token) {
    return start(unit, {.operation = IoOperation::unmap, .first_block = first_block, .blocks = blocks},
                 std::forward<Token>(token));
  }
  template<class Token>
  auto async_write_zeroes(LogicalUnit& unit, std::uint64_t first_block, std::uint64_t blocks, Token&& token) {
    return start(unit, {.operation = IoOperation::write_zeroes, .first_block = first_block, .blocks = blocks},
                 std::forward<Token>(token));
  }
  template<class Token>
  auto async_flush(LogicalUnit& unit, Token&& token) {
    return start(unit, {.operation = IoOperation::flush}, std::forward<Token>(token));
  }

  // For operators, as LogicalUnit::abort and reset.
  template<class Token>
  auto async_abort(LogicalUnit& unit, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &unit](detail::AsyncOperation* op) { start_task(unit, &LogicalUnit::abort, op); });
  }
  template<class Token>
  auto async_reset(LogicalUnit& unit, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &unit](detail::AsyncOperation* op) { start_task(unit, &LogicalUnit::reset, op); });
  }

  // For operators, as Session::rescan.
  template<class Token>
  auto async_rescan(Token&& token) {
    return initiate(std::forward<Token>(token), [this](detail::AsyncOperation* op) { start_rescan(op); });
  }

  // Permitted from async_connect until erase(), which also ends the units. Otherwise they throw
  // boost::system::system_error: wrong_state (there is no session); no_such_lun (it has no unit of that index, or has
  // not found its units yet).
  [[nodiscard]] Session& session();
  [[nodiscard]] LogicalUnit& unit(std::size_t index);
  [[nodiscard]] const Error& why() const noexcept;  // the last failed connect or reconnect, or loss

 private:
  template<class Token, class Start>
  auto initiate(Token&& token, Start&& start) {
    return boost::asio::async_initiate<Token, Signature>(
        [executor = executor_](auto handler, auto begin) {
          begin(new detail::AsyncOperationOf<decltype(handler)>(std::move(handler), executor));
        },
        token, std::forward<Start>(start));
  }
  template<class Token>
  auto start(LogicalUnit& unit, detail::AsyncIo io, Token&& token) {
    return initiate(std::forward<Token>(token), [this, &unit, io = std::move(io)](
                                                    detail::AsyncOperation* op) { start_io(unit, io, op); });
  }
  template<class Buffers>
  static std::vector<boost::asio::mutable_buffer> list(const Buffers& buffers) {
    std::vector<boost::asio::mutable_buffer> result;
    for (auto i = boost::asio::buffer_sequence_begin(buffers); i != boost::asio::buffer_sequence_end(buffers);
         ++i) {
      const boost::asio::const_buffer buffer(*i);
      result.emplace_back(const_cast<void*>(buffer.data()), buffer.size());
    }
    return result;
  }
  void start_connect(const TargetAddress&, const SessionOptions&, detail::AsyncOperation*);
  void start_reconnect(detail::AsyncOperation*);
  void start_wait(SessionState, detail::AsyncOperation*);
  void start_io(LogicalUnit&, const detail::AsyncIo&, detail::AsyncOperation*);
  void start_task(LogicalUnit&, Errc (LogicalUnit::*)(TaskRequest&) noexcept, detail::AsyncOperation*);
  void start_rescan(detail::AsyncOperation*);

  class Impl;
  boost::asio::any_io_executor executor_;
  std::shared_ptr<Impl> impl_;
};

}  // namespace srpi
