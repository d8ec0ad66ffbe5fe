// SPDX-License-Identifier: Apache-2.0
// The public functions of the Asio layer. Without a session, and on an object that was moved from, each reports why.
#include <fmt/format.h>

#include <boost/system/system_error.hpp>
#include <utility>

#include "api/async_session_impl.hpp"

namespace srpi {
namespace {

[[noreturn]] void fail(const Error& error) {
  throw boost::system::system_error(make_error_code(error.code), error.detail);
}

const Error& moved_from() {
  static const Error error{Errc::wrong_state, "the AsyncSession was moved from"};
  return error;
}

}  // namespace

AsyncSession::AsyncSession(boost::asio::any_io_executor executor)
    : executor_(executor), impl_(std::make_shared<Impl>(executor)) {}
AsyncSession::~AsyncSession() { erase(); }

// The old object keeps its executor, because its operations still complete: with an error.
AsyncSession::AsyncSession(AsyncSession&& other) noexcept
    : executor_(other.executor_), impl_(std::move(other.impl_)) {}
AsyncSession& AsyncSession::operator=(AsyncSession&& other) noexcept {
  if (this == &other) return *this;
  erase();
  executor_ = other.executor_;
  impl_ = std::move(other.impl_);
  return *this;
}

Result<> AsyncSession::disconnect() {
  if (!impl_) return moved_from();
  return impl_->disconnect();
}
void AsyncSession::erase() {
  if (impl_) impl_->erase();
}
Session& AsyncSession::session() {
  if (!impl_) fail(moved_from());
  if (!impl_->session()) fail(impl_->absence());
  return *impl_->session();
}
LogicalUnit& AsyncSession::unit(std::size_t index) {
  const auto units = session().logical_units();
  if (index >= units.size())
    fail(
        {Errc::no_such_lun, fmt::format("unit {}: the session has {}, counted from 0", index, units.size())});
  return *units[index];
}
const Error& AsyncSession::why() const noexcept { return impl_ ? impl_->why() : moved_from(); }

void AsyncSession::start_connect(const TargetAddress& address, const SessionOptions& options,
                                 detail::AsyncOperation* op) {
  impl_ ? impl_->connect(address, options, op) : op->complete(moved_from().code, 0);
}
void AsyncSession::start_reconnect(detail::AsyncOperation* op) {
  impl_ ? impl_->reconnect(op) : op->complete(moved_from().code, 0);
}
void AsyncSession::start_wait(SessionState state, detail::AsyncOperation* op) {
  impl_ ? impl_->wait(state, op) : op->complete(moved_from().code, 0);
}
void AsyncSession::start_io(LogicalUnit& unit, const detail::AsyncIo& io, detail::AsyncOperation* op) {
  impl_ ? impl_->io(unit, io, op) : op->complete(moved_from().code, 0);
}
void AsyncSession::start_task(LogicalUnit& unit, Errc (LogicalUnit::*function)(TaskRequest&) noexcept,
                              detail::AsyncOperation* op) {
  impl_ ? impl_->task(unit, function, op) : op->complete(moved_from().code, 0);
}

void AsyncSession::start_rescan(detail::AsyncOperation* op) {
  impl_ ? impl_->rescan(op) : op->complete(moved_from().code, 0);
}

}  // namespace srpi
