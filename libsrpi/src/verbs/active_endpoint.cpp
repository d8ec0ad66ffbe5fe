// SPDX-License-Identifier: Apache-2.0
#include "verbs/active_endpoint.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/no_memory.hpp"
#include "verbs/cm_reasons.hpp"

namespace srpi::verbs {
namespace {

using fabric::ConnectionEvent;

// For each of address and route, before the kernel gives up. Who has less time calls abort().
constexpr int kResolveTimeout_ms = 2000;

constexpr std::size_t kRdmaCmPrivateData_bytes = 56;
constexpr std::size_t kIbCmPrivateData_bytes = 92;

void copy_gid(const ibv_gid& from, std::array<std::uint8_t, 16>& to) {
  std::memcpy(to.data(), from.raw, to.size());
}

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

// The next route whose resolution can at least be started; the error tells of all that were tried.
Result<> ActiveEndpoint::try_next_route() {
  while (next_route_ < routes_.size()) {
    Route& route = routes_[next_route_];
    destination_text_ = host_and_port_text(route.destination.get());
    if (next_route_++ > 0)  // an id that failed to resolve is of no further use
      if (auto renewed = cm_->renew_id(); !renewed) {
        pass_over(renewed.error());
        break;
      }
    phase_ = Phase::resolving_address;
    const int failed = cm_->resolve_address(route, kResolveTimeout_ms);
    if (failed == 0) return {};
    pass_over(unresolved(failed));
  }
  if (passed_over_.code == Errc::ok) return Error{Errc::unreachable, "no address to try"};
  return passed_over_;
}

// The code is the last one's, but one kind of address that is not taken here says nothing about the others,
// which may resolve at the next attempt.
void ActiveEndpoint::pass_over(const Error& error) {
  auto& all = passed_over_;
  if (all.code == Errc::ok || error.code != Errc::invalid_argument) all.code = error.code;
  if (!all.detail.empty()) all.detail += "; ";
  all.detail += error.detail;
}

Error ActiveEndpoint::unresolved(int error) const {
  if (error == ENODEV) devices_->suspect_removal();
  return resolve_error(attempt(), error);
}

std::string ActiveEndpoint::attempt() const {
  if (path_.device.empty()) return "connect to " + destination_text_;
  return fmt::format("connect to {} over {}/{}", destination_text_, path_.device, path_.port);
}

Error ActiveEndpoint::not_now(const char* operation) const noexcept {
  static constexpr const char* kPhases[] = {"its address is being resolved",
                                            "its route is being resolved",
                                            "it is resolved but not connected",
                                            "it is being connected",
                                            "it is connected",
                                            "it is over"};
  const char* what = phase_ == Phase::resolved && queues_ ? "its queues exist already, or it is not connected"
                                                          : kPhases[static_cast<std::size_t>(phase_)];
  return {phase_ == Phase::over ? Errc::no_connect : Errc::wrong_state, base::words([&] {
            return fmt::format("{} on the connection to {}: {}", operation, destination_text_, what);
          })};
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
    return Error{Errc::invalid_argument, fmt::format("{}: {} bytes of private data, {} at most", attempt(),
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
  // One system call in the usual case, that nothing happened. A negative descriptor is left out by poll().
  pollfd fds[] = {{cm_->fd(), POLLIN, 0},
                  {listener_ ? listener_->wake_fd() : -1, POLLIN, 0},
                  {listener_ ? device_->async_events().fd() : -1, POLLIN, 0}};
  if (::poll(fds, std::size(fds), 0) <= 0) return std::nullopt;
  if (fds[0].revents != 0)
    while (phase_ != Phase::over) {
      const auto cm_event = cm_->next_event();
      if (!cm_event) break;
      try {
        if (auto event = on_cm_event(*cm_event)) return event;
      } catch (const std::bad_alloc&) {  // it is taken, and may not be missed
        return over({Errc::no_memory, {}});
      }
    }
  return next_device_event();
}

std::optional<ConnectionEvent> ActiveEndpoint::next_device_event() {
  if (!listener_ || phase_ == Phase::over) return std::nullopt;
  device_->async_events().drain();
  if (auto cause = listener_->take())
    return over({cause->code, base::words([&] { return attempt() + ": " + cause->detail; })});
  return std::nullopt;
}

std::optional<ConnectionEvent> ActiveEndpoint::on_cm_event(const CmEvent& event) {
  switch (event.type) {
    case RDMA_CM_EVENT_ADDR_RESOLVED:
      return on_address_resolved();
    case RDMA_CM_EVENT_ROUTE_RESOLVED:
      return on_route_resolved();
    case RDMA_CM_EVENT_ADDR_ERROR:
    case RDMA_CM_EVENT_ROUTE_ERROR:
      return on_unresolved(event.status < 0 ? -event.status : event.status);
    case RDMA_CM_EVENT_CONNECT_RESPONSE:
    case RDMA_CM_EVENT_ESTABLISHED:
      return on_accepted(event);
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
      cm_->disconnect();  // the peer repeats its request until it is answered
      [[fallthrough]];
    case RDMA_CM_EVENT_UNREACHABLE:
    case RDMA_CM_EVENT_CONNECT_ERROR:
      return over(loss_error(event.type, event.status, attempt(), phase_ == Phase::established));
    // ADDR_CHANGE: a bonding device switched ports; the queue pair keeps its path and reports for itself when
    // that fails. TIMEWAIT_EXIT: of no concern, as a queue pair is never used twice. The others belong to
    // listeners.
    default:
      return std::nullopt;
  }
}

std::optional<ConnectionEvent> ActiveEndpoint::on_address_resolved() {
  phase_ = Phase::resolving_route;
  // Now, as the route's lifetime, and with it the CM's own timers, follow from it.
  cm_->set_ack_timeout(options_.ack_timeout_exponent);
  if (const int error = cm_->resolve_route(kResolveTimeout_ms); error != 0) return on_unresolved(error);
  return std::nullopt;
}

std::optional<ConnectionEvent> ActiveEndpoint::on_unresolved(int error) {
  pass_over(unresolved(error));
  if (auto started = try_next_route(); !started) return over(started.error());
  return std::nullopt;
}

std::optional<ConnectionEvent> ActiveEndpoint::on_route_resolved() {
  auto device = devices_->get(cm_->id()->verbs->device);
  if (!device) return over(device.error());
  auto listener = (*device)->async_events().listen(cm_->id()->port_num);
  if (!listener) return over(listener.error());
  device_ = std::move(*device);
  listener_ = std::move(*listener);
  fill_path();
  phase_ = Phase::resolved;
  ConnectionEvent event;
  event.kind = ConnectionEvent::Kind::resolved;
  return event;
}

void ActiveEndpoint::fill_path() {
  const rdma_cm_id* id = cm_->id();
  path_.device = device_->name();
  path_.port = id->port_num;
  copy_gid(id->route.addr.addr.ibaddr.sgid, path_.source_gid);
  copy_gid(id->route.addr.addr.ibaddr.dgid, path_.destination_gid);
  path_.source = host_text(&id->route.addr.src_addr);
  path_.destination = destination_text_;
}

ConnectionEvent ActiveEndpoint::on_accepted(const CmEvent& accepted) {
  // iWARP's ESTABLISHED comes when the kernel has done this.
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
  listener_.reset();  // before what it watches
  if (queues_) queues_->move_to_error();
  if (may_have_peer) cm_->disconnect();
  queues_.reset();  // from here on, nothing reaches memory through this endpoint
  cm_.reset();
}

}  // namespace srpi::verbs
