// SPDX-License-Identifier: Apache-2.0
#include "rdma_listener.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>

#include "verbs/address.hpp"
#include "verbs/cm.hpp"
#include "verbs/queues.hpp"

namespace srpi::test {

using fabric::ConnectionEvent;

namespace {

Error failed(const std::string& what) {
  return {Errc::unreachable, fmt::format("{}: {}", what, std::strerror(errno))};
}

}  // namespace

class PassiveEndpoint final : public fabric::PassiveEndpoint {
 public:
  PassiveEndpoint(RdmaListener& listener, rdma_cm_id* id, std::shared_ptr<verbs::Device> device,
                  const rdma_conn_param& request)
      : listener_(listener), id_(id), device_(std::move(device)) {
    const auto* bytes = static_cast<const std::byte*>(request.private_data);
    private_data_.assign(bytes, bytes + request.private_data_len);
    // We may have as many RDMA READs at a time as the initiator serves.
    reads_ = request.initiator_depth;
    path_.device = device_->name();
    path_.port = id->port_num;
    path_.source = verbs::host_text(&id->route.addr.src_addr);
    path_.destination = verbs::host_and_port_text(&id->route.addr.dst_addr);
    id->context = this;
    listener_.endpoints_.push_back(this);
  }
  ~PassiveEndpoint() override {
    abort();
    std::erase(listener_.endpoints_, this);
  }

  [[nodiscard]] std::shared_ptr<fabric::Device> device() const override { return device_; }
  [[nodiscard]] const fabric::Path& path() const override { return path_; }

  Result<> create_queues(const fabric::QueueLimits& limits) override {
    auto queues = verbs::Queues::create(device_, limits);
    if (!queues) return queues.error();
    queues_ = std::move(*queues);
    return move_to(IBV_QPS_INIT);
  }
  [[nodiscard]] std::uint32_t inline_bytes() const noexcept override { return queues_->inline_bytes(); }

  Result<> post_send(std::span<const fabric::SendWork> works) noexcept override {
    return queues_->post_send(works);
  }
  Result<> post_receive(std::span<const fabric::ReceiveWork> works) noexcept override {
    if (!withhold_ && shorten_to_ == 0) return queues_->post_receive(works);
    for (fabric::ReceiveWork work : works) {
      if (shorten_to_ != 0) work.sge.bytes = std::min(work.sge.bytes, shorten_to_);
      withheld_.push_back(work);
    }
    return withhold_ ? Result<>() : give_withheld();
  }
  [[nodiscard]] std::size_t poll(std::span<fabric::Completion> out) noexcept override {
    return queues_ ? queues_->poll(out) : 0;
  }
  [[nodiscard]] bool arm() noexcept override { return queues_ ? queues_->arm() : true; }
  void append_fds(std::vector<int>& fds) const override {
    if (queues_) fds.push_back(queues_->fd());
  }
  void abort() noexcept override {
    if (queues_) queues_->move_to_error();
    if (accepted_) rdma_disconnect(id_.get());
    accepted_ = false;
    queues_.reset();
    id_.reset();  // the kernel rejects the unanswered request
  }

  [[nodiscard]] std::span<const std::byte> request_private_data() const noexcept override {
    return private_data_;
  }
  Result<> accept(std::span<const std::byte> private_data) override {
    // The first unit may arrive before the connection manager's event, so make the queue pair ready first.
    if (auto moved = move_to(IBV_QPS_RTR); !moved) return moved;
    if (auto moved = move_to(IBV_QPS_RTS); !moved) return moved;
    rdma_conn_param parameters{};
    parameters.private_data = private_data.data();
    parameters.private_data_len = static_cast<std::uint8_t>(private_data.size());
    parameters.initiator_depth = reads_;
    parameters.flow_control = 1;
    parameters.rnr_retry_count = 7;
    parameters.qp_num = queues_->queue_pair()->qp_num;
    if (rdma_accept(id_.get(), &parameters) != 0) return failed("accept");
    accepted_ = true;
    return {};
  }
  void reject(std::span<const std::byte> private_data) noexcept override {
    rdma_reject(id_.get(), private_data.data(), static_cast<std::uint8_t>(private_data.size()));
  }
  std::optional<ConnectionEvent> next_event() override {
    if (events_.empty()) return std::nullopt;
    ConnectionEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

  void on_cm_event(rdma_cm_event_type type, int status) {
    ConnectionEvent event;
    switch (type) {
      case RDMA_CM_EVENT_ESTABLISHED: event.kind = ConnectionEvent::Kind::established; break;
      case RDMA_CM_EVENT_DISCONNECTED: event.kind = ConnectionEvent::Kind::disconnected; break;
      case RDMA_CM_EVENT_TIMEWAIT_EXIT: return;
      default: event.kind = ConnectionEvent::Kind::failed;
    }
    event.error = {Errc::no_connect, fmt::format("{}, status {}", rdma_event_str(type), status)};
    events_.push_back(std::move(event));
  }

  void withhold(bool on) {
    withhold_ = on;
    if (!on && queues_) static_cast<void>(give_withheld());
  }
  void shorten(std::uint32_t bytes) { shorten_to_ = bytes; }

 private:
  Result<> move_to(ibv_qp_state state) {
    errno = verbs::move_queue_pair(id_.get(), queues_->queue_pair(), state);
    if (errno != 0) return failed("move the queue pair");
    return {};
  }
  Result<> give_withheld() noexcept {
    auto posted = queues_->post_receive(withheld_);
    withheld_.clear();
    return posted;
  }

  RdmaListener& listener_;
  verbs::CmIdHandle id_;
  std::shared_ptr<verbs::Device> device_;
  std::unique_ptr<verbs::Queues> queues_;
  std::vector<std::byte> private_data_;
  std::uint8_t reads_ = 1;
  fabric::Path path_;
  bool accepted_ = false;
  std::deque<ConnectionEvent> events_;
  bool withhold_ = false;
  std::uint32_t shorten_to_ = 0;
  std::vector<fabric::ReceiveWork> withheld_;
};

RdmaListener::RdmaListener(verbs::CmChannelHandle channel, verbs::CmIdHandle id,
                           fabric::Acceptor& acceptor) noexcept
    : channel_(std::move(channel)), id_(std::move(id)), acceptor_(acceptor) {}

RdmaListener::~RdmaListener() { SRPI_CHECK(endpoints_.empty()); }

Result<std::unique_ptr<RdmaListener>> RdmaListener::open(const std::string& address, std::uint16_t port,
                                                         fabric::Acceptor& acceptor) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
    return Error{Errc::invalid_argument, "not an IPv4 address: " + address};
  verbs::CmChannelHandle channel(rdma_create_event_channel());
  if (!channel) return failed("open the RDMA connection manager");
  rdma_cm_id* id = nullptr;
  if (rdma_create_id(channel.get(), &id, nullptr, RDMA_PS_TCP) != 0) return failed("a listener");
  verbs::CmIdHandle owned(id);
  if (rdma_bind_addr(id, reinterpret_cast<sockaddr*>(&name)) != 0 || rdma_listen(id, 16) != 0)
    return failed(fmt::format("listen on {}:{}", address, port));
  if (const int error = verbs::set_nonblocking(channel->fd); error != 0)
    return Error{Errc::unreachable, std::strerror(error)};
  return std::unique_ptr<RdmaListener>(new RdmaListener(std::move(channel), std::move(owned), acceptor));
}

void RdmaListener::append_fds(std::vector<int>& fds) const {
  for (const auto* endpoint : endpoints_) endpoint->append_fds(fds);
}

bool RdmaListener::arm() {
  return std::all_of(endpoints_.begin(), endpoints_.end(), [](auto* endpoint) { return endpoint->arm(); });
}

std::size_t RdmaListener::poll() {
  std::size_t n = 0;
  for (rdma_cm_event* event = nullptr; rdma_get_cm_event(channel_.get(), &event) == 0; ++n) {
    const auto type = event->event;
    const int status = event->status;
    std::unique_ptr<PassiveEndpoint> endpoint;
    auto* known = static_cast<PassiveEndpoint*>(event->id->context);
    if (type == RDMA_CM_EVENT_CONNECT_REQUEST) {
      if (auto device = devices_.get(event->id->verbs->device))
        endpoint = std::make_unique<PassiveEndpoint>(*this, event->id, std::move(*device), event->param.conn);
      else
        fmt::print(stderr, "{}\n", device.error().detail);
    }
    rdma_ack_cm_event(event);  // the next step may destroy the id, which waits for the acknowledgement
    if (endpoint)
      acceptor_.on_connection_request(std::move(endpoint));
    else if (known != nullptr && type != RDMA_CM_EVENT_CONNECT_REQUEST)
      known->on_cm_event(type, status);
  }
  return n;
}

void RdmaListener::withhold_receives(bool on) {
  for (auto* endpoint : endpoints_) endpoint->withhold(on);
}

void RdmaListener::shorten_receives(std::uint32_t bytes) {
  for (auto* endpoint : endpoints_) endpoint->shorten(bytes);
}

}  // namespace srpi::test
