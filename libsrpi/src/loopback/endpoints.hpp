// SPDX-License-Identifier: Apache-2.0
// The user's endpoints: the fabric's interfaces over an End.
#pragma once

#include <memory>

#include "loopback/end.hpp"

namespace srpi::loopback {

template<class Interface>
class EndpointBase : public Interface {
 public:
  template<class... Args>
  explicit EndpointBase(Args&&... args) : end_(std::forward<Args>(args)...) {}

  [[nodiscard]] std::shared_ptr<fabric::Device> device() const override { return end_.device; }
  [[nodiscard]] const fabric::Path& path() const override { return end_.path; }
  [[nodiscard]] Result<> create_queues(const fabric::QueueLimits& limits) override {
    return end_.queue_pair.create(limits);
  }
  [[nodiscard]] std::uint32_t inline_bytes() const noexcept override {
    return end_.queue_pair.inline_bytes();
  }
  [[nodiscard]] Result<> post_send(std::span<const fabric::SendWork> works) noexcept override {
    return end_.queue_pair.post_send(works);
  }
  [[nodiscard]] Result<> post_receive(std::span<const fabric::ReceiveWork> works) noexcept override {
    return end_.queue_pair.post_receive(works);
  }
  [[nodiscard]] std::size_t poll(std::span<fabric::Completion> out) noexcept override {
    return end_.queue_pair.poll(out);
  }
  [[nodiscard]] bool arm() noexcept override { return !end_.queue_pair.has_completions(); }
  void append_fds(std::vector<int>&) const override {}  // none: poll until progress() returns 0
  void abort() noexcept override { end_.abort(); }
  [[nodiscard]] std::optional<fabric::ConnectionEvent> next_event() override { return end_.next_event(); }

  [[nodiscard]] End& end() noexcept { return end_; }

 protected:
  End end_;
};

class ActiveEndpoint final : public EndpointBase<fabric::ActiveEndpoint> {
 public:
  using EndpointBase::EndpointBase;
  [[nodiscard]] Result<> connect(std::span<const std::byte> private_data) override {
    return end_.connect(private_data);
  }
  [[nodiscard]] bool compact_login() const noexcept override { return end_.compact_login; }
};

class PassiveEndpoint final : public EndpointBase<fabric::PassiveEndpoint> {
 public:
  using EndpointBase::EndpointBase;
  [[nodiscard]] std::span<const std::byte> request_private_data() const noexcept override {
    return end_.request;
  }
  [[nodiscard]] Result<> accept(std::span<const std::byte> private_data) override {
    return end_.accept(private_data);
  }
  void reject(std::span<const std::byte> private_data) noexcept override { end_.reject(private_data); }
};

}  // namespace srpi::loopback
