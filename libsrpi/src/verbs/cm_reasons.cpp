// SPDX-License-Identifier: Apache-2.0
#include "verbs/cm_reasons.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "verbs/availability.hpp"

namespace srpi::verbs {
namespace {

// The reasons that we handle in their own way. Of all others, only the text is used.
enum RejectReason : int {
  kNoQueuePair = 1,
  kNoResources = 3,
  kTimeout = 4,
  kInvalidServiceId = 8,
  kStaleConnection = 10,
  kConsumerDefined = 28,
};

// In the order of the standard; the first is reason 1.
constexpr const char* kRejectReasons[] = {
    "no queue pair available",
    "no end-to-end context available",
    "no resources available",
    "timeout",
    "unsupported request",
    "invalid communication id",
    "invalid communication instance",
    "invalid service id",
    "invalid transport service type",
    "stale connection",  // 10
    "reliable datagram channel does not exist",
    "primary remote port GID rejected",
    "primary remote port LID rejected",
    "invalid primary service level",
    "invalid primary traffic class",
    "invalid primary hop limit",
    "invalid primary packet rate",
    "alternate remote port GID rejected",
    "alternate remote port LID rejected",
    "invalid alternate service level",  // 20
    "invalid alternate traffic class",
    "invalid alternate hop limit",
    "invalid alternate packet rate",
    "port and connection manager redirection",
    "port redirection",
    "invalid path MTU",
    "insufficient responder resources",
    "consumer reject",
    "RNR retry count rejected",
    "duplicate local communication id",  // 30
    "unsupported class version",
    "invalid primary flow label",
    "invalid alternate flow label",
};

std::string because(int status) {
  return status == 0 ? "" : fmt::format(": {}", std::strerror(std::abs(status)));
}

}  // namespace

const char* reject_reason_text(int reason) noexcept {
  if (reason < 1 || reason > static_cast<int>(std::size(kRejectReasons))) return "unknown reason";
  return kRejectReasons[reason - 1];
}

fabric::ConnectionEvent rejected(const std::string& attempt, int status) {
  fabric::ConnectionEvent event;
  event.kind = fabric::ConnectionEvent::Kind::rejected;
  if (status < 0) {  // iWARP: the MPA reply has no reason
    event.consumer = status == -ECONNREFUSED;
    event.error = {Errc::refused, fmt::format("{}: the peer refused{}", attempt, because(status))};
    return event;
  }
  event.consumer = status == kConsumerDefined;
  event.stale = status == kStaleConnection;
  const auto reason = fmt::format("(CM reject reason {}, {})", status, reject_reason_text(status));
  switch (status) {
    case kInvalidServiceId:
      event.error = {Errc::refused,
                     fmt::format("{}: no SRP target listens there {}; check the port or service id, and "
                                 "that the target is enabled",
                                 attempt, reason)};
      break;
    case kStaleConnection:
      event.error = {
          Errc::refused,
          fmt::format("{}: the peer still has an earlier connection of this queue pair {}; a new attempt "
                      "may succeed at once",
                      attempt, reason)};
      break;
    case kConsumerDefined:
      event.error = {Errc::login_rejected,
                     fmt::format("{}: the target rejected the login {}", attempt, reason)};
      break;
    case kNoQueuePair:
    case 2:
    case kNoResources:
      event.error = {
          Errc::login_no_resources,
          fmt::format("{}: the peer has no resources for another connection now {}", attempt, reason)};
      break;
    case kTimeout:
      event.error = {Errc::connect_timed_out,
                     fmt::format("{}: the peer's time limit for our side is over {}", attempt, reason)};
      break;
    default: event.error = {Errc::refused, fmt::format("{}: the peer refused {}", attempt, reason)};
  }
  return event;
}

Error resolve_error(const std::string& attempt, int error) {
  switch (error) {
    case ENODEV:
      return {Errc::no_device,
              fmt::format("{}: the network interface of the route has no RDMA device that is up; see "
                          "'rdma link', or {}",
                          attempt, device_advice())};
    case EADDRNOTAVAIL:
      return {Errc::unreachable,
              fmt::format("{}: no RDMA device of this machine has the source address", attempt)};
    case ETIMEDOUT:
      return {Errc::unreachable,
              fmt::format("{}: no answer to address resolution (ARP, neighbour discovery, or the subnet "
                          "administrator); check that the peer and the link are up",
                          attempt)};
    case ENETUNREACH:
    case EHOSTUNREACH:
      return {Errc::unreachable, fmt::format("{}: no route: {}", attempt, std::strerror(error))};
    case EACCES:
    case EPERM:
      return {Errc::permission_denied,
              fmt::format("{}: {}; read and write permission for /dev/infiniband/uverbs* is needed", attempt,
                          std::strerror(error))};
    case ENOMEM: return {Errc::no_memory, fmt::format("{}: {}", attempt, std::strerror(error))};
    case EAFNOSUPPORT:
    case EINVAL:
      return {Errc::invalid_argument,
              fmt::format("{}: {}; the device or the kernel does not support this kind of address", attempt,
                          std::strerror(error))};
    default: return {Errc::unreachable, fmt::format("{}{}", attempt, because(error))};
  }
}

Error loss_error(rdma_cm_event_type type, int status, const std::string& attempt, bool established) {
  switch (type) {
    case RDMA_CM_EVENT_DEVICE_REMOVAL:
      return {Errc::device_removed, fmt::format("{}: the RDMA device is being removed", attempt)};
    case RDMA_CM_EVENT_DISCONNECTED:
      return established ? Error{Errc::no_connect, fmt::format("{}: the peer disconnected", attempt)}
                         : Error{Errc::unreachable,
                                 fmt::format("{}: the peer disconnected before it accepted", attempt)};
    case RDMA_CM_EVENT_UNREACHABLE:
      // Linux reports a peer whose hardware address changed in this way, too, with the status of a timeout.
      if (established)
        return {Errc::unreachable,
                fmt::format("{}: the peer's link address changed, or the peer cannot be reached any more",
                            attempt)};
      if (status == -ETIMEDOUT)
        return {
            Errc::connect_timed_out,
            fmt::format(
                "{}: the peer's connection manager does not answer; check that RDMA is set up on the peer, "
                "and that the network passes RoCE (UDP 4791)",
                attempt)};
      return {Errc::unreachable, fmt::format("{}: unreachable{}", attempt, because(status))};
    case RDMA_CM_EVENT_CONNECT_ERROR:
      if (status == -ETIMEDOUT)
        return {Errc::connect_timed_out, fmt::format("{}: the handshake did not end in time", attempt)};
      return {Errc::unreachable,
              fmt::format("{}: the connection could not be set up{}", attempt, because(status))};
    default:
      return {established ? Errc::no_connect : Errc::unreachable,
              fmt::format("{}: unexpected event {}{}", attempt, rdma_event_str(type), because(status))};
  }
}

}  // namespace srpi::verbs
