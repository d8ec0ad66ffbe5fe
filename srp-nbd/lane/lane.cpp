// SPDX-License-Identifier: Apache-2.0
#include "lane/lane.hpp"

#include <utility>

#include "lane/lane_loop.hpp"

namespace srp_nbd {

Lane::Lane(std::unique_ptr<LaneLoop> loop) : loop_(std::move(loop)) {}
Lane::~Lane() = default;

srpi::Result<std::unique_ptr<Lane>> Lane::start(const srpi::TargetAddress& target,
                                                const srpi::SessionOptions& options, LaneCallbacks callbacks,
                                                LaneOptions lane) {
  const auto create = [target, options](srpi::SessionObserver* observer) {
    return srpi::Session::create(target, options, observer);
  };
  return start(create, std::move(callbacks), std::move(lane));
}

srpi::Result<std::unique_ptr<Lane>> Lane::start(SessionFactory factory, LaneCallbacks callbacks,
                                                LaneOptions options) {
  if (auto valid = options.validate(); valid.has_error()) return valid.error();
  auto loop = std::make_unique<LaneLoop>(std::move(options), std::move(callbacks));
  if (auto started = loop->start(std::move(factory)); started.has_error()) return started.error();
  return std::unique_ptr<Lane>(new Lane(std::move(loop)));
}

void Lane::end(std::function<void()> ended) { loop_->end(std::move(ended)); }

void Lane::post(std::function<void(srpi::Session&)> work) { loop_->post(std::move(work)); }

void Lane::host(std::uint64_t connection_id, std::uint64_t lun, MakeFrontEnd make) {
  post([this, connection_id, lun, make = std::move(make)](srpi::Session&) {
    loop_->host(connection_id, lun, make);
  });
}

void Lane::drop(std::uint64_t connection_id) {
  post([this, connection_id](srpi::Session&) { loop_->drop(connection_id); });
}

const LaneOptions& Lane::options() const noexcept { return loop_->options(); }

}  // namespace srp_nbd
