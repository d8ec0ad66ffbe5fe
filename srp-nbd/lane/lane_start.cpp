// SPDX-License-Identifier: Apache-2.0
#include "lane/lane.hpp"

namespace srp_nbd {

srpi::Result<std::unique_ptr<Lane>> Lane::start(const srpi::TargetAddress& target,
                                                const srpi::SessionOptions& options, LaneCallbacks callbacks,
                                                LaneOptions lane) {
  return start(
      [target, options](srpi::SessionObserver* observer) {
        return srpi::Session::create(target, options, observer);
      },
      std::move(callbacks), std::move(lane));
}

}  // namespace srp_nbd
