// SPDX-License-Identifier: Apache-2.0
#include "daemon/port_ids_in_use.hpp"

#include <fmt/format.h>

namespace srp_nbd {

srpi::Result<> PortIdsInUse::take(const std::string& session, const srpi::PortId& initiator,
                                  const srpi::PortId& target) {
  const std::scoped_lock lock(mutex_);
  const std::pair pair(initiator, target);
  for (const auto& [name, taken] : by_session_)
    if (taken == pair && name != session)
      return srpi::Error{
          srpi::Errc::already_exists,
          fmt::format(
              "the session \"{0}\" has the same initiator port id {1} at the same target port; the target "
              "would end it: choose another --initiator-ext, or `srp-nbd erase {0}` first",
              name, initiator.to_string())};
  by_session_[session] = pair;
  return {};
}

void PortIdsInUse::release(const std::string& session) {
  const std::scoped_lock lock(mutex_);
  by_session_.erase(session);
}

}  // namespace srp_nbd
