// SPDX-License-Identifier: Apache-2.0
// An endpoint's way to a device: the look-up of its host name, and the routes in turn, until one resolves.
#include <fmt/format.h>

#include <cstring>
#include <new>

#include "verbs/active_endpoint.hpp"
#include "verbs/cm_reasons.hpp"

namespace srpi::verbs {
namespace {

using fabric::ConnectionEvent;

// For each of address and route, before the kernel gives up. Who has less time calls abort().
constexpr int kResolveTimeout_ms = 2000;

void copy_gid(const ibv_gid& from, std::array<std::uint8_t, 16>& to) {
  std::memcpy(to.data(), from.raw, to.size());
}

}  // namespace

// The answer to a look-up. Its descriptor stays in the list while the routes are tried: who sleeps on it need
// not know that there is nothing more to come.
std::optional<ConnectionEvent> ActiveEndpoint::next_lookup_event() noexcept {
  try {
    auto found = lookup_->take();
    if (!found) return std::nullopt;
    if (!*found) return over(found->error());
    routes_ = std::move(**found);
    if (auto started = try_next_route(); !started) return over(started.error());
    return std::nullopt;
  } catch (const std::bad_alloc&) {  // the descriptor is quiet by now
    return over({Errc::no_memory, {}});
  }
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

std::optional<ConnectionEvent> ActiveEndpoint::on_address_resolved() {
  phase_ = Phase::resolving_route;
  // Now, as the route's lifetime, and with it the CM's own timers, follow from it.
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

// Where it leads to a device that cannot be used, another address may lead to another one.
std::optional<ConnectionEvent> ActiveEndpoint::on_route_resolved() {
  const auto about_route = [&](const Error& e) { return Error{e.code, attempt() + ": " + e.detail}; };
  auto device = devices_->get(cm_->id()->verbs->device);
  if (!device) return give_route_up(about_route(device.error()));
  auto listener = (*device)->async_events().listen(cm_->id()->port_num);
  if (!listener) return give_route_up(about_route(listener.error()));
  device_ = std::move(*device);
  listener_ = std::move(*listener);
  lookup_.reset();  // what is slept on changes here anyway
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
