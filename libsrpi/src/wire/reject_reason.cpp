// SPDX-License-Identifier: Apache-2.0
// Why a target refuses a login, and what its user can do. The advice knows what Linux's target (ib_srpt)
// means by a reason, for it uses some of them differently from the standard.
#include "wire/login.hpp"

namespace srpi::wire {

const char* to_string(RejectReason reason) noexcept {
  switch (reason) {
    case RejectReason::unable_to_establish:
      return "unable to establish the RDMA channel";
    case RejectReason::insufficient_resources:
      return "insufficient resources for another RDMA channel";
    case RejectReason::request_iu_too_large:
      return "requested information unit length not supported";
    case RejectReason::cannot_associate:
      return "no target port of that id at this address";
    case RejectReason::unsupported_descriptor_format:
      return "data buffer descriptor format not supported";
    case RejectReason::multichannel_unsupported:
      return "several RDMA channels per I_T nexus not supported";
    case RejectReason::channel_limit_reached:
      return "limit of RDMA channels reached, or no access";
  }
  return "a reason that the standard does not know";
}

const char* advice(RejectReason reason) noexcept {
  switch (reason) {
    case RejectReason::unable_to_establish:
      return "the target failed internally: look at its log; trying again may help";
    case RejectReason::insufficient_resources:
      return "the target is out of memory or queue pairs, or its port is not enabled: enable it, or try "
             "again later";
    case RejectReason::request_iu_too_large:
      return "log in with another max_it_iu_size and without immediate data: old targets take less, and "
             "Linux's "
             "says this also for less than 64 bytes";
    case RejectReason::cannot_associate:
      return "compare id_ext and ioc_guid with the target's (Linux's takes its service GUID for both)";
    case RejectReason::unsupported_descriptor_format:
      return "the target lacks direct or indirect descriptors, and commands need both";
    case RejectReason::multichannel_unsupported:
      return "log in with ch_count=1";
    case RejectReason::channel_limit_reached:
      return "give the initiator port id an ACL at the target (Linux's refuses with this for want of one), "
             "or log in "
             "with a lower ch_count";
  }
  return "look at the target's log";
}

bool is_known(RejectReason reason) noexcept {
  return reason >= RejectReason::unable_to_establish && reason <= RejectReason::channel_limit_reached;
}

bool is_temporary(RejectReason reason) noexcept {
  return reason == RejectReason::unable_to_establish || reason == RejectReason::insufficient_resources;
}

}  // namespace srpi::wire
