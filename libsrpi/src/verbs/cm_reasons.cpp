// SPDX-License-Identifier: Apache-2.0
#include "verbs/cm_reasons.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "verbs/availability.hpp"

namespace srpi::verbs {
namespace {

// Those that call for something of their own to be done; the rest is only named.
enum RejectReason : int {
  kNoQueuePair = 1,
  kNoResources = 3,
  kTimeout = 4,
  kInvalidServiceId = 8,
  kStaleConnection = 10,
  kConsumerDefined = 28,
};

std::string because(int status) { return status == 0 ? "" : fmt::format(": {}", std::strerror(std::abs(status))); }

}  // namespace

const char* reject_reason_text(int reason) noexcept {
  switch (reason) {
    case kNoQueuePair: return "no queue pair available";
    case 2: return "no end-to-end context available";
    case kNoResources: return "no resources available";
    case kTimeout: return "timeout";
    case 5: return "unsupported request";
    case 6: return "invalid communication id";
    case 7: return "invalid communication instance";
    case kInvalidServiceId: return "invalid service id";
    case 9: return "invalid transport service type";
    case kStaleConnection: return "stale connection";
    case 11: return "reliable datagram channel does not exist";
    case 12: return "primary remote port GID rejected";
    case 13: return "primary remote port LID rejected";
    case 14: return "invalid primary service level";
    case 15: return "invalid primary traffic class";
    case 16: return "invalid primary hop limit";
    case 17: return "invalid primary packet rate";
    case 18: return "alternate remote port GID rejected";
    case 19: return "alternate remote port LID rejected";
    case 20: return "invalid alternate service level";
    case 21: return "invalid alternate traffic class";
    case 22: return "invalid alternate hop limit";
    case 23: return "invalid alternate packet rate";
    case 24: return "port and connection manager redirection";
    case 25: return "port redirection";
    case 26: return "invalid path MTU";
    case 27: return "insufficient responder resources";
    case kConsumerDefined: return "consumer reject";
    case 29: return "RNR retry count rejected";
    case 30: return "duplicate local communication id";
    case 31: return "unsupported class version";
    case 32: return "invalid primary flow label";
    case 33: return "invalid alternate flow label";
    default: return "unknown reason";
  }
}

fabric::ConnectionEvent rejected(const std::string& attempt, int status) {
  fabric::ConnectionEvent event;
  event.kind = fabric::ConnectionEvent::Kind::rejected;
  if (status < 0) {  // iWARP: the MPA reply said no, which is all that is known
    event.consumer = status == -ECONNREFUSED;
    event.error = {Errc::refused, fmt::format("{}: the peer refused{}", attempt, because(status))};
    return event;
  }
  event.consumer = status == kConsumerDefined;
  event.stale = status == kStaleConnection;
  const auto reason = fmt::format("(CM reject reason {}, {})", status, reject_reason_text(status));
  switch (status) {
    case kInvalidServiceId:
      event.error = {Errc::refused, fmt::format("{}: no SRP target listens there {}; check the port or service id, and "
                                                "that the target is enabled",
                                                attempt, reason)};
      break;
    case kStaleConnection:
      event.error = {Errc::refused,
                     fmt::format("{}: the peer still holds an earlier connection of this queue pair {}; a fresh one "
                                 "may succeed at once",
                                 attempt, reason)};
      break;
    case kConsumerDefined:
      event.error = {Errc::login_rejected, fmt::format("{}: the target rejected the login {}", attempt, reason)};
      break;
    case kNoQueuePair:
    case 2:
    case kNoResources:
      event.error = {Errc::login_no_resources,
                     fmt::format("{}: the peer has no room for another connection now {}", attempt, reason)};
      break;
    case kTimeout:
      event.error = {Errc::connect_timed_out,
                     fmt::format("{}: the peer gave up waiting for our side {}", attempt, reason)};
      break;
    default: event.error = {Errc::refused, fmt::format("{}: the peer refused {}", attempt, reason)};
  }
  return event;
}

Error resolve_error(const std::string& attempt, int error) {
  switch (error) {
    case ENODEV:
      return {Errc::no_device,
              fmt::format("{}: the network interface that leads there belongs to no RDMA device that is up; see "
                          "'rdma link', or {}",
                          attempt, device_advice())};
    case EADDRNOTAVAIL:
      return {Errc::unreachable,
              fmt::format("{}: the source address is not one of an RDMA device's on this machine", attempt)};
    case ETIMEDOUT:
      return {Errc::unreachable,
              fmt::format("{}: nobody there answers address resolution (ARP, neighbour discovery, or the subnet "
                          "administrator); is the peer up, and the link?",
                          attempt)};
    case ENETUNREACH:
    case EHOSTUNREACH: return {Errc::unreachable, fmt::format("{}: no route: {}", attempt, std::strerror(error))};
    case EACCES:
    case EPERM: return {Errc::permission_denied, fmt::format("{}: {}", attempt, std::strerror(error))};
    case ENOMEM: return {Errc::no_memory, fmt::format("{}: {}", attempt, std::strerror(error))};
    case EAFNOSUPPORT:
    case EINVAL:
      return {Errc::invalid_argument, fmt::format("{}: {}; the device or the kernel does not take such addresses",
                                                  attempt, std::strerror(error))};
    default: return {Errc::unreachable, fmt::format("{}{}", attempt, because(error))};
  }
}

Error loss_error(rdma_cm_event_type type, int status, const std::string& attempt, bool established) {
  switch (type) {
    case RDMA_CM_EVENT_DEVICE_REMOVAL:
      return {Errc::device_removed, fmt::format("{}: the RDMA device is being removed", attempt)};
    case RDMA_CM_EVENT_DISCONNECTED:
      return established ? Error{Errc::no_connect, fmt::format("{}: the peer disconnected", attempt)}
                         : Error{Errc::unreachable, fmt::format("{}: the peer disconnected before it had accepted",
                                                                attempt)};
    case RDMA_CM_EVENT_UNREACHABLE:
      if (established)  // Linux reports a neighbour whose hardware address changed this way: our packets go astray
        return {Errc::unreachable,
                fmt::format("{}: the peer's link address changed, or it cannot be reached any more{}", attempt,
                            because(status))};
      if (status == -ETIMEDOUT)
        return {Errc::connect_timed_out,
                fmt::format("{}: the connection manager there does not answer; is RDMA set up on the peer, and does "
                            "the network let RoCE (UDP 4791) through?",
                            attempt)};
      return {Errc::unreachable, fmt::format("{}: unreachable{}", attempt, because(status))};
    case RDMA_CM_EVENT_CONNECT_ERROR:
      if (status == -ETIMEDOUT)
        return {Errc::connect_timed_out, fmt::format("{}: the handshake was not finished in time", attempt)};
      return {Errc::unreachable, fmt::format("{}: the connection could not be set up{}", attempt, because(status))};
    default:
      return {established ? Errc::no_connect : Errc::unreachable,
              fmt::format("{}: unexpected event {}{}", attempt, rdma_event_str(type), because(status))};
  }
}

}  // namespace srpi::verbs
