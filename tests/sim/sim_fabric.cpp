// SPDX-License-Identifier: Apache-2.0
#include "sim_fabric.hpp"

#include "loopback/fabric.hpp"
#include "wire/login.hpp"
#include "wire/opcode.hpp"

namespace srpi::sim {
namespace {

class WatchedEndpoint final : public fabric::ActiveEndpoint {
 public:
  WatchedEndpoint(std::unique_ptr<fabric::ActiveEndpoint> inner, FabricHooks& hooks)
      : inner_(std::move(inner)), hooks_(hooks), wire_(hooks.wire) {}
  ~WatchedEndpoint() override { abort(); }
  [[nodiscard]] const WireModel::Connection& wire() const noexcept { return wire_; }

  std::shared_ptr<fabric::Device> device() const override { return inner_->device(); }
  const fabric::Path& path() const override { return inner_->path(); }
  std::uint32_t inline_bytes() const noexcept override { return inner_->inline_bytes(); }
  bool arm() noexcept override { return inner_->arm(); }
  void append_fds(std::vector<int>& fds) const override { inner_->append_fds(fds); }
  bool compact_login() const noexcept override { return inner_->compact_login(); }
  Result<> connect(std::span<const std::byte> login) override { return inner_->connect(login); }

  Result<> create_queues(const fabric::QueueLimits& limits) override {
    receives_.resize(limits.receive_depth);
    return inner_->create_queues(limits);
  }

  Result<> post_send(std::span<const fabric::SendWork> works) noexcept override {
    for (const auto& work : works) wire_.sent({work.sges[0].address, work.sges[0].bytes});
    return inner_->post_send(works);
  }

  Result<> post_receive(std::span<const fabric::ReceiveWork> works) noexcept override {
    if (hooks_.canary == Canary::few_receives && works.size() > 1) works = works.first(works.size() / 4 + 1);
    for (const auto& work : works) {
      if (work.id >= receives_.size()) receives_.resize(work.id + 1);
      receives_[work.id] = work.sge;
    }
    wire_.receives_posted(static_cast<std::uint32_t>(works.size()));
    return inner_->post_receive(works);
  }

  std::size_t poll(std::span<fabric::Completion> out) noexcept override {
    const auto n = inner_->poll(out);
    for (const auto& done : out.first(n)) {
      if (!done.receive) continue;
      if (done.status != fabric::WorkStatus::success) {
        wire_.receive_flushed();
        continue;
      }
      const std::span unit(receives_[done.id].address, done.bytes);
      wire_.received(unit);
      if (hooks_.canary == Canary::credit_leaked && unit.size() >= 36 && unit[0] == std::byte{0xc1} &&
          ++answers_ % 16 == 0)
        unit[7] = std::byte{0};
    }
    return n;
  }

  std::optional<fabric::ConnectionEvent> next_event() override {
    auto event = inner_->next_event();
    if (!event) return event;
    if (hooks_.on_event) hooks_.on_event(*event);
    if (event->kind == fabric::ConnectionEvent::Kind::established)
      if (const auto response =
              wire::decode_login_response(std::span(event->private_data).first(event->private_data_bytes)))
        wire_.logged_in(response->request_limit);
    return event;
  }

  void abort() noexcept override {
    if (!inner_) return;
    wire_.closed();
    if (hooks_.canary == Canary::late_dma) {
      hooks_.left_alive.push_back(std::move(inner_));
      return;
    }
    inner_->abort();
  }

 private:
  std::unique_ptr<fabric::ActiveEndpoint> inner_;
  FabricHooks& hooks_;
  WireModel::Connection wire_;
  std::vector<fabric::Sge> receives_;
  std::uint64_t answers_ = 0;
};

}  // namespace

const WireModel::Connection& WireModel::of(const fabric::Endpoint& endpoint) {
  return static_cast<const WatchedEndpoint&>(endpoint).wire();
}

Result<std::unique_ptr<fabric::ActiveEndpoint>> SimFabric::open(const TargetAddress& target,
                                                                const fabric::ConnectOptions& options) {
  auto inner = network_.open(device_, loopback::service_of(target), options, true);
  if (!inner) return inner.error();
  return std::unique_ptr<fabric::ActiveEndpoint>(
      std::make_unique<WatchedEndpoint>(std::move(*inner), hooks_));
}

}  // namespace srpi::sim
