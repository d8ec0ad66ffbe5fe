// SPDX-License-Identifier: Apache-2.0
// Drives a Session from an Asio executor: polls while there is work, sleeps on the session's file descriptor.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <deque>
#include <memory>
#include <vector>

#include "srpi/asio.hpp"

namespace srpi {

class AsyncSession::Impl final : public std::enable_shared_from_this<Impl>, private SessionObserver {
 public:
  explicit Impl(boost::asio::any_io_executor);

  void connect(const TargetAddress&, const SessionOptions&, detail::AsyncOperation*);
  void reconnect(detail::AsyncOperation*);
  void wait(SessionState, detail::AsyncOperation*);
  Result<> disconnect();
  // After the call no operation is outstanding, and the session is destroyed.
  void erase();
  void io(LogicalUnit&, const detail::AsyncIo&, detail::AsyncOperation*);
  void task(LogicalUnit&, Errc (LogicalUnit::*)(TaskRequest&) noexcept, detail::AsyncOperation*);

  void rescan(detail::AsyncOperation*);

  [[nodiscard]] Session* session() noexcept { return session_.get(); }
  // Why there is no session. Meaningful while session() is null.
  [[nodiscard]] const Error& absence() const noexcept { return absence_; }
  [[nodiscard]] const Error& why() const noexcept { return why_; }

 private:
  struct Io;
  struct Waiter {
    SessionState state;
    detail::AsyncOperation* operation;
  };

  [[nodiscard]] Errc check(const LogicalUnit&) const noexcept;
  void fail_at_once(const Error&, detail::AsyncOperation*);
  void submit_waiting();
  static void on_complete(IoRequest&) noexcept;
  void finish(Io&, Errc);
  void fail_waiting();
  void fail_connecting(const Error&);
  void end_connecting(Errc);
  void end_waiters(SessionState);
  void drive_soon();
  void drive();
  void sleep();
  void on_state(SessionState, SessionState to, const Error& cause) override;
  void on_attempt_failed(const Error& error) override { fail_connecting(error); }

  boost::asio::any_io_executor executor_;
  boost::asio::posix::stream_descriptor readable_;
  std::vector<std::byte> pool_;
  std::vector<std::byte*> free_;  // chunks of the pool
  std::unique_ptr<Session> session_;
  std::unique_ptr<Memory> memory_;  // of pool_
  std::deque<Io*> waiting_;         // operations that wait for chunks
  std::vector<detail::AsyncOperation*> connecting_;
  std::vector<Waiter> waiters_;
  Error why_;
  Error absence_{Errc::wrong_state, "there is no session yet: async_connect makes one"};
  bool driving_ = false, sleeping_ = false;
};

}  // namespace srpi
