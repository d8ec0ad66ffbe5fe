// SPDX-License-Identifier: Apache-2.0
#include "lane/lane.hpp"

#include <utility>

#include "lane/lane_loop.hpp"

namespace srp_nbd {

Lane::Lane(LaneOptions options, std::unique_ptr<Loop> loop)
    : options_(std::move(options)), loop_(std::move(loop)) {}
Lane::~Lane() { loop_->stop(); }

srpi::Result<std::unique_ptr<Lane>> Lane::start(SessionFactory factory, LaneCallbacks callbacks,
                                                LaneOptions options) {
  if (auto valid = options.validate(); valid.has_error()) return valid.error();
  auto loop = std::make_unique<Loop>(options, std::move(callbacks));
  if (auto started = loop->start(std::move(factory)); started.has_error()) return started.error();
  return std::unique_ptr<Lane>(new Lane(std::move(options), std::move(loop)));
}

void Lane::end(std::function<void()> ended) { loop_->end(std::move(ended)); }

void Lane::post(std::function<void(srpi::Session&)> work) { loop_->post(std::move(work)); }

void Lane::serve(std::uint64_t connection_id, int fd, std::uint64_t lun, ServeOptions options) {
  // A std::function must be copyable, so the descriptor is shared on its way to the thread.
  UniqueFd first(fd);  // closed, if there is no memory for the rest
  auto owned = std::make_shared<UniqueFd>(std::move(first));
  post([this, connection_id, owned, lun, options](srpi::Session&) {
    loop_->serve(connection_id, std::move(*owned), lun, options);
  });
}

void Lane::drop(std::uint64_t connection_id) {
  post([this, connection_id](srpi::Session&) { loop_->drop(connection_id); });
}

bool Lane::on_lane_thread() const noexcept { return loop_->on_thread(); }
srpi::Session& Lane::session() const noexcept { return loop_->session(); }

}  // namespace srp_nbd
