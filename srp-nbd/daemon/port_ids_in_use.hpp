// SPDX-License-Identifier: Apache-2.0
// Which session uses which pair of initiator and target port ids. A target ends the older of two sessions with the same
// pair, so no session may take the pair of another one, also while that one is disconnected: it may come back.
//
// Threads: any.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "srpi/error.hpp"
#include "srpi/port_id.hpp"

namespace srp_nbd {

class PortIdsInUse {
 public:
  // The session has this pair from now on, instead of the one that it had. Errors: already_exists, naming the session
  // that has it.
  [[nodiscard]] srpi::Result<> take(const std::string& session, const srpi::PortId& initiator,
                                    const srpi::PortId& target);
  void release(const std::string& session);

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<srpi::PortId, srpi::PortId>> by_session_;
};

}  // namespace srp_nbd
