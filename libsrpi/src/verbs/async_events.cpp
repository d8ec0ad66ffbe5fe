// SPDX-License-Identifier: Apache-2.0
#include "verbs/async_events.hpp"

#include <fmt/format.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/make_error.hpp"

namespace srpi::verbs {
namespace {

enum class Scope { queue_pair, completion_queue, port, device, nobody };

// The scope of an event. It also tells which member of the event's union is valid.
Scope scope_of(ibv_event_type type) {
  switch (type) {
    case IBV_EVENT_QP_FATAL:
    case IBV_EVENT_QP_REQ_ERR:
    case IBV_EVENT_QP_ACCESS_ERR:
    case IBV_EVENT_PATH_MIG_ERR: return Scope::queue_pair;
    case IBV_EVENT_CQ_ERR: return Scope::completion_queue;
    case IBV_EVENT_PORT_ERR: return Scope::port;
    case IBV_EVENT_DEVICE_FATAL: return Scope::device;
    default: return Scope::nobody;
  }
}

}  // namespace

std::optional<Error> fatal_cause(ibv_event_type type, const char* device, int port) noexcept {
  const auto cause = [&](Errc code, const char* what) {
    return base::make_error(code, "{}: {}", device, what);
  };
  switch (type) {
    case IBV_EVENT_QP_FATAL: return cause(Errc::no_connect, "the device failed the queue pair (QP fatal)");
    case IBV_EVENT_QP_REQ_ERR:
      return cause(Errc::protocol_error,
                   "the peer sent a request that the queue pair does not accept (invalid request)");
    case IBV_EVENT_QP_ACCESS_ERR:
      return cause(Errc::protocol_error, "the peer accessed memory without a valid key (access violation)");
    case IBV_EVENT_PATH_MIG_ERR: return cause(Errc::no_connect, "path migration failed");
    case IBV_EVENT_CQ_ERR: return cause(Errc::no_connect, "the completion queue overran");
    case IBV_EVENT_PORT_ERR:
      return base::make_error(Errc::unreachable, "{}/{}: the port went down", device, port);
    case IBV_EVENT_DEVICE_FATAL: return cause(Errc::device_removed, "the device failed or is being removed");
    default: return std::nullopt;
  }
}

AsyncListener::~AsyncListener() {
  const std::lock_guard lock(events_.mutex_);
  std::erase(events_.listeners_, this);
}

void AsyncListener::watch(const ibv_qp* qp, const ibv_cq* cq) noexcept {
  const std::lock_guard lock(events_.mutex_);
  qp_ = qp;
  cq_ = cq;
}

std::optional<Error> AsyncListener::take() noexcept {
  const std::lock_guard lock(events_.mutex_);
  eventfd_t ignored;
  static_cast<void>(eventfd_read(wake_.get(), &ignored));
  return std::exchange(cause_, std::nullopt);
}

AsyncEvents::AsyncEvents(ibv_context* context) noexcept : context_(context) {
  SRPI_CHECK(set_nonblocking(context->async_fd) == 0);
}

Result<std::unique_ptr<AsyncListener>> AsyncEvents::listen(std::uint8_t port) {
  FileDescriptor wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (wake.get() < 0)
    return Error{Errc::no_memory, fmt::format("{}: make an eventfd for device events: {}",
                                              ibv_get_device_name(context_->device), std::strerror(errno))};
  std::unique_ptr<AsyncListener> listener(new AsyncListener(*this, std::move(wake), port));
  const std::lock_guard lock(mutex_);
  listeners_.push_back(listener.get());
  return listener;
}

void AsyncEvents::drain() {
  const std::lock_guard lock(mutex_);
  ibv_async_event event;
  while (ibv_get_async_event(context_, &event) == 0) {
    deliver(event);
    // Acknowledge at once: destroying a queue pair waits until all its events are acknowledged.
    ibv_ack_async_event(&event);
  }
}

void AsyncEvents::deliver(const ibv_async_event& event) {
  const Scope scope = scope_of(event.event_type);
  if (scope == Scope::nobody) return;
  if (scope == Scope::device) device_gone_ = true;
  for (AsyncListener* listener : listeners_) {
    const bool concerned = scope == Scope::device ||
                           (scope == Scope::port && event.element.port_num == listener->port_) ||
                           (scope == Scope::queue_pair && event.element.qp == listener->qp_) ||
                           (scope == Scope::completion_queue && event.element.cq == listener->cq_);
    if (!concerned || listener->cause_) continue;
    listener->cause_ = fatal_cause(event.event_type, ibv_get_device_name(context_->device), listener->port_);
    static_cast<void>(eventfd_write(listener->wake_.get(), 1));
  }
}

}  // namespace srpi::verbs
