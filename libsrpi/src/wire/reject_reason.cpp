// SPDX-License-Identifier: Apache-2.0
// Why a target rejects a login, and what the user can do. Linux's target (ib_srpt) uses some reasons in other
// cases than the standard; the advice covers these cases too.
#include "wire/login.hpp"

namespace srpi::wire {

const char* to_string(RejectReason reason) noexcept {
  switch (reason) {
    case RejectReason::unable_to_establish: return "unable to establish the RDMA channel";
    case RejectReason::insufficient_resources: return "insufficient resources for another RDMA channel";
    case RejectReason::request_iu_too_large: return "requested information unit length not supported";
    case RejectReason::cannot_associate: return "this address has no target port with that id";
    case RejectReason::unsupported_descriptor_format: return "data buffer descriptor format not supported";
    case RejectReason::multichannel_unsupported: return "several RDMA channels per I_T nexus not supported";
    case RejectReason::channel_limit_reached: return "limit of RDMA channels reached, or no access";
  }
  return "a reason that is not in the standard";
}

const char* advice(RejectReason reason) noexcept {
  switch (reason) {
    case RejectReason::unable_to_establish:
      return "the target failed internally; read its log, then try again";
    case RejectReason::insufficient_resources:
      return "the target has no memory or queue pairs left, or its port is not enabled: enable the port, or "
             "try again later";
    case RejectReason::request_iu_too_large:
      return "set a lower max_it_iu_size in the target address, but not below 64 (Linux's target gives this "
             "reason then, too)";
    case RejectReason::cannot_associate:
      return "compare id_ext and ioc_guid with the target's settings (Linux's target: its service GUID for "
             "both)";
    case RejectReason::unsupported_descriptor_format:
      return "the target supports only one of direct and indirect descriptors; this initiator needs both";
    case RejectReason::multichannel_unsupported: return "set ch_count=1";
    case RejectReason::channel_limit_reached:
      return "add an ACL for the initiator port id at the target (Linux's target gives this reason if there "
             "is none), or set a lower ch_count";
  }
  return "read the target's log";
}

bool is_known(RejectReason reason) noexcept {
  return reason >= RejectReason::unable_to_establish && reason <= RejectReason::channel_limit_reached;
}

bool is_temporary(RejectReason reason) noexcept {
  return reason == RejectReason::unable_to_establish || reason == RejectReason::insufficient_resources;
}

}  // namespace srpi::wire
