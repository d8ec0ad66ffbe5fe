// SPDX-License-Identifier: Apache-2.0
#include "verbs/active_endpoint.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/make_error.hpp"
#include "verbs/cm_reasons.hpp"

namespace srpi::verbs {
namespace {

using fabric::ConnectionEvent;

constexpr std::size_t kRdmaCmPrivateData_bytes = 56;
constexpr std::size_t kIbCmPrivateData_bytes = 92;

}  // namespace

ActiveEndpoint::ActiveEndpoint(std::shared_ptr<DeviceCache> devices, std::vector<Route> routes,
                               bool native_infiniband, const fabric::ConnectOptions& options)
    : devices_(std::move(devices)),
      options_(options),
      native_infiniband_(native_infiniband),
      routes_(std::move(routes)) {}

Result<std::unique_ptr<ActiveEndpoint>> ActiveEndpoint::open(std::shared_ptr<DeviceCache> devices,
                                                             std::vector<Route> routes,
                                                             bool native_infiniband,
                                                             const fabric::ConnectOptions& options) {
  std::unique_ptr<ActiveEndpoint> endpoint(
      new ActiveEndpoint(std::move(devices), std::move(routes), native_infiniband, options));
  auto cm = ConnectionManager::open(native_infiniband ? RDMA_PS_IB : RDMA_PS_TCP);
  if (!cm) return cm.error();
  endpoint->cm_.emplace(std::move(*cm));
  if (auto started = endpoint->try_next_route(); !started) return started.error();
  return endpoint;
}

Result<std::unique_ptr<ActiveEndpoint>> ActiveEndpoint::open(std::shared_ptr<DeviceCache> devices,
                                                             NameLookups& lookups,
                                                             const RdmaCmAddress& target,
                                                             const fabric::ConnectOptions& options) {
  std::unique_ptr<ActiveEndpoint> endpoint(new ActiveEndpoint(std::move(devices), {}, false, options));
  auto cm = ConnectionManager::open(RDMA_PS_TCP);  // first: without RDMA, no look-up is needed
  if (!cm) return cm.error();
  endpoint->cm_.emplace(std::move(*cm));
  auto lookup = lookups.start(target);
  if (!lookup) return lookup.error();
  endpoint->lookup_ = std::move(*lookup);
  endpoint->phase_ = Phase::looking_up;
  endpoint->destination_text_ = fmt::format("{}:{}", target.host, target.port);
  return endpoint;
}

std::string ActiveEndpoint::attempt() const {
  if (path_.device.empty()) return "connect to " + destination_text_;
  return fmt::format("connect to {} over {}/{}", destination_text_, path_.device, path_.port);
}

Error ActiveEndpoint::not_now(const char* operation) const noexcept {
  static constexpr const char* kPhases[] = {"the host name is being looked up",
                                            "the address is being resolved",
                                            "the route is being resolved",
                                            "it is resolved, but not connected",
                                            "it is being connected",
                                            "it is connected",
                                            "it has ended"};
  const char* what = phase_ == Phase::resolved && queues_ ? "the queues exist already, or it is not connected"
                                                          : kPhases[static_cast<std::size_t>(phase_)];
  return base::make_error(phase_ == Phase::over ? Errc::no_connect : Errc::wrong_state,
                          "{} on the connection to {}: {}", operation, destination_text_, what);
}

Result<> ActiveEndpoint::create_queues(const fabric::QueueLimits& limits) {
  if (phase_ != Phase::resolved || queues_) return not_now("create queues");
  auto queues = Queues::create(device_, limits);
  if (!queues) return queues.error();
  if (const int error = cm_->prepare_queue_pair((*queues)->queue_pair()); error != 0)
    return Error{Errc::unreachable,
                 fmt::format("{}: prepare the queue pair (INIT): {}", attempt(), std::strerror(error))};
  queues_ = std::move(*queues);
  listener_->watch(queues_->queue_pair(), queues_->completion_queue());
  return {};
}

std::uint32_t ActiveEndpoint::inline_bytes() const noexcept { return queues_ ? queues_->inline_bytes() : 0; }

Result<> ActiveEndpoint::post_send(std::span<const fabric::SendWork> works) noexcept {
  return queues_ ? queues_->post_send(works) : Result<>(not_now("post send"));
}

Result<> ActiveEndpoint::post_receive(std::span<const fabric::ReceiveWork> works) noexcept {
  return queues_ ? queues_->post_receive(works) : Result<>(not_now("post receive"));
}

std::size_t ActiveEndpoint::poll(std::span<fabric::Completion> out) noexcept {
  return queues_ ? queues_->poll(out) : 0;
}

bool ActiveEndpoint::arm() noexcept { return queues_ ? queues_->arm() : true; }

void ActiveEndpoint::append_fds(std::vector<int>& fds) const {
  if (cm_) fds.push_back(cm_->fd());
  if (lookup_) fds.push_back(lookup_->fd());
  if (listener_) {
    fds.push_back(listener_->wake_fd());
    fds.push_back(device_->async_events().fd());
  }
  if (queues_) fds.push_back(queues_->fd());
}

Result<> ActiveEndpoint::connect(std::span<const std::byte> private_data) {
  if (phase_ != Phase::resolved || !queues_) return not_now("connect");
  const std::size_t limit = native_infiniband_ ? kIbCmPrivateData_bytes : kRdmaCmPrivateData_bytes;
  if (private_data.size() > limit)
    return Error{Errc::invalid_argument, fmt::format("{}: {} bytes of private data, at most {}", attempt(),
                                                     private_data.size(), limit)};
  const int device_limit = std::clamp(device_->limits().max_qp_rd_atom, 1, 255);
  const auto resources = static_cast<std::uint8_t>(std::min<int>(options_.responder_resources, device_limit));
  const int error = cm_->connect(private_data, options_, resources, queues_->queue_pair()->qp_num);
  if (error != 0) return resolve_error(attempt() + ": send the connection request", error);
  phase_ = Phase::connecting;
  return {};
}

std::optional<ConnectionEvent> ActiveEndpoint::next_event() {
  if (phase_ == Phase::over || !cm_) return std::nullopt;
  // Usually nothing has happened, and this costs one system call. poll() ignores a negative descriptor.
  pollfd fds[] = {{cm_->fd(), POLLIN, 0},
                  {listener_ ? listener_->wake_fd() : -1, POLLIN, 0},
                  {listener_ ? device_->async_events().fd() : -1, POLLIN, 0},
                  {lookup_ ? lookup_->fd() : -1, POLLIN, 0}};
  if (::poll(fds, std::size(fds), 0) <= 0) return std::nullopt;
  if (fds[3].revents != 0)
    if (auto event = next_lookup_event()) return event;
  if (fds[0].revents != 0)
    while (phase_ != Phase::over) {
      const auto cm_event = cm_->next_event();
      if (!cm_event) break;
      try {
        if (auto event = on_cm_event(*cm_event)) return event;
      } catch (const std::bad_alloc&) {  // the event is gone from the channel and must not be lost
        return over({Errc::no_memory, {}});
      }
    }
  return next_device_event();
}

std::optional<ConnectionEvent> ActiveEndpoint::next_device_event() {
  if (!listener_ || phase_ == Phase::over) return std::nullopt;
  device_->async_events().drain();
  if (auto cause = listener_->take())
    return over(base::make_error(
        cause->code, "{}: {}", [&] { return attempt(); }, cause->detail));
  return std::nullopt;
}

std::optional<ConnectionEvent> ActiveEndpoint::on_cm_event(const CmEvent& event) {
  switch (event.type) {
    case RDMA_CM_EVENT_ADDR_RESOLVED: return on_address_resolved();
    case RDMA_CM_EVENT_ROUTE_RESOLVED: return on_route_resolved();
    case RDMA_CM_EVENT_ADDR_ERROR:
    case RDMA_CM_EVENT_ROUTE_ERROR:
      return give_route_up(unresolved(event.status < 0 ? -event.status : event.status));
    case RDMA_CM_EVENT_CONNECT_RESPONSE:
    case RDMA_CM_EVENT_ESTABLISHED: return on_accepted(event);
    case RDMA_CM_EVENT_REJECTED: {
      auto answer = rejected(attempt(), event.status);
      answer.private_data = event.private_data;
      answer.private_data_bytes = event.private_data_bytes;
      phase_ = Phase::over;
      return answer;
    }
    case RDMA_CM_EVENT_DEVICE_REMOVAL:
      if (device_) device_->async_events().set_device_gone();
      devices_->suspect_removal();
      return over(loss_error(event.type, event.status, attempt(), phase_ == Phase::established));
    case RDMA_CM_EVENT_DISCONNECTED:
      cm_->disconnect();  // the peer repeats its request until we answer
      [[fallthrough]];
    case RDMA_CM_EVENT_UNREACHABLE:
    case RDMA_CM_EVENT_CONNECT_ERROR:
      return over(loss_error(event.type, event.status, attempt(), phase_ == Phase::established));
    // ADDR_CHANGE: a bonding device switched ports. The queue pair keeps its path and reports a failure
    // itself. TIMEWAIT_EXIT: not relevant, because a queue pair is not used twice. The other events are for
    // listeners.
    default: return std::nullopt;
  }
}

ConnectionEvent ActiveEndpoint::on_accepted(const CmEvent& accepted) {
  // With iWARP, the kernel has done this before it raises ESTABLISHED.
  if (accepted.type == RDMA_CM_EVENT_CONNECT_RESPONSE)
    if (const int error = cm_->establish(queues_->queue_pair()); error != 0)
      return over({Errc::unreachable, fmt::format("{}: bring the queue pair up (RTR, RTS): {}", attempt(),
                                                  std::strerror(error))});
  phase_ = Phase::established;
  ConnectionEvent event;
  event.kind = ConnectionEvent::Kind::established;
  event.private_data = accepted.private_data;
  event.private_data_bytes = accepted.private_data_bytes;
  return event;
}

ConnectionEvent ActiveEndpoint::over(Error error) {
  ConnectionEvent event;
  event.kind =
      phase_ == Phase::established ? ConnectionEvent::Kind::disconnected : ConnectionEvent::Kind::failed;
  event.error = std::move(error);
  phase_ = Phase::over;
  return event;
}

void ActiveEndpoint::abort() noexcept {
  const bool may_have_peer = phase_ == Phase::connecting || phase_ == Phase::established;
  phase_ = Phase::over;
  listener_.reset();  // before the queues that it watches
  if (queues_) queues_->move_to_error();
  if (may_have_peer) cm_->disconnect();
  queues_.reset();  // now nothing can reach memory through this endpoint
  lookup_.reset();
  cm_.reset();
}

}  // namespace srpi::verbs
