// SPDX-License-Identifier: Apache-2.0
// How an endpoint finds its device: it looks up the host name, then tries the routes in turn until one
// resolves.
#include <fmt/format.h>

#include <cstring>
#include <new>

#include "verbs/active_endpoint.hpp"
#include "verbs/cm_reasons.hpp"

namespace srpi::verbs {
namespace {

using fabric::ConnectionEvent;

// The kernel's time limit for each of address and route resolution. A user with less time calls abort().
constexpr int kResolveTimeout_ms = 2000;

void copy_gid(const ibv_gid& from, std::array<std::uint8_t, 16>& to) {
  std::memcpy(to.data(), from.raw, to.size());
}

}  // namespace

// Takes the answer of the look-up. The look-up's descriptor stays in the list while the routes are tried, so
// a sleeping user need not change its list.
std::optional<ConnectionEvent> ActiveEndpoint::next_lookup_event() noexcept {
  try {
    auto found = lookup_->take();
    if (!found) return std::nullopt;
    if (!*found) return over(found->error());
    routes_ = std::move(**found);
    if (auto started = try_next_route(); !started) return over(started.error());
    return std::nullopt;
  } catch (const std::bad_alloc&) {  // the descriptor is no longer readable
    return over({Errc::no_memory, {}});
  }
}

// Starts the resolution of the next route for which that is possible. The error has the errors of all routes.
Result<> ActiveEndpoint::try_next_route() {
  while (next_route_ < routes_.size()) {
    Route& route = routes_[next_route_];
    destination_text_ = host_and_port_text(route.destination.get());
    if (next_route_++ > 0)  // an id whose resolution failed cannot be used again
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

// The code is that of the last error. invalid_argument (a kind of address that this machine does not support)
// does not replace another code, because other addresses may resolve at the next attempt.
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

std::optional<ConnectionEvent> ActiveEndpoint::on_address_resolved() {
  phase_ = Phase::resolving_route;
  // Must be set before the route is resolved: the route's lifetime, and with it the CM's timers, depend on
  // it.
  cm_->set_ack_timeout(options_.ack_timeout_exponent);
  if (const int error = cm_->resolve_route(kResolveTimeout_ms); error != 0)
    return give_route_up(unresolved(error));
  return std::nullopt;
}

std::optional<ConnectionEvent> ActiveEndpoint::give_route_up(const Error& why) {
  pass_over(why);
  if (auto started = try_next_route(); !started) return over(started.error());
  return std::nullopt;
}

// If the device cannot be used, another address may lead to another device.
std::optional<ConnectionEvent> ActiveEndpoint::on_route_resolved() {
  const auto about_route = [&](const Error& e) { return Error{e.code, attempt() + ": " + e.detail}; };
  auto device = devices_->get(cm_->id()->verbs->device);
  if (!device) return give_route_up(about_route(device.error()));
  auto listener = (*device)->async_events().listen(cm_->id()->port_num);
  if (!listener) return give_route_up(about_route(listener.error()));
  device_ = std::move(*device);
  listener_ = std::move(*listener);
  lookup_.reset();  // the list of descriptors changes at this point anyway
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

}  // namespace srpi::verbs
