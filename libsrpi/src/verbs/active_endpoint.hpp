// SPDX-License-Identifier: Apache-2.0
// The initiator's end of a connection: it resolves and connects, reports events, and owns the queues of the
// data path.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fabric/endpoint.hpp"
#include "verbs/address.hpp"
#include "verbs/cm.hpp"
#include "verbs/device.hpp"
#include "verbs/name_lookup.hpp"
#include "verbs/queues.hpp"

namespace srpi::verbs {

class ActiveEndpoint final : public fabric::ActiveEndpoint {
 public:
  // Starts address resolution. The routes are tried in turn until one resolves.
  [[nodiscard]] static Result<std::unique_ptr<ActiveEndpoint>> open(std::shared_ptr<DeviceCache>,
                                                                    std::vector<Route>,
                                                                    bool native_infiniband,
                                                                    const fabric::ConnectOptions&);
  // Looks up the address's host names first; the answer has the routes.
  [[nodiscard]] static Result<std::unique_ptr<ActiveEndpoint>> open(std::shared_ptr<DeviceCache>,
                                                                    NameLookups&, const RdmaCmAddress&,
                                                                    const fabric::ConnectOptions&);
  ~ActiveEndpoint() override { abort(); }

  [[nodiscard]] std::shared_ptr<fabric::Device> device() const override { return device_; }
  [[nodiscard]] const fabric::Path& path() const override { return path_; }

  [[nodiscard]] Result<> create_queues(const fabric::QueueLimits&) override;
  [[nodiscard]] std::uint32_t inline_bytes() const noexcept override;
  [[nodiscard]] Result<> post_send(std::span<const fabric::SendWork>) noexcept override;
  [[nodiscard]] Result<> post_receive(std::span<const fabric::ReceiveWork>) noexcept override;
  [[nodiscard]] std::size_t poll(std::span<fabric::Completion>) noexcept override;
  [[nodiscard]] bool arm() noexcept override;
  void append_fds(std::vector<int>&) const override;
  void abort() noexcept override;

  [[nodiscard]] const std::string* looking_up() const noexcept override {
    return phase_ == Phase::looking_up ? &lookup_->names() : nullptr;
  }
  [[nodiscard]] const Error* passed_over() const noexcept override {
    return passed_over_.code == Errc::ok ? nullptr : &passed_over_;
  }
  [[nodiscard]] Result<> connect(std::span<const std::byte> private_data) override;
  [[nodiscard]] std::optional<fabric::ConnectionEvent> next_event() override;
  [[nodiscard]] bool compact_login() const noexcept override { return !native_infiniband_; }

 private:
  enum class Phase : std::uint8_t {
    looking_up,
    resolving_address,
    resolving_route,
    resolved,
    connecting,
    established,
    over
  };

  ActiveEndpoint(std::shared_ptr<DeviceCache>, std::vector<Route>, bool native_infiniband,
                 const fabric::ConnectOptions&);

  [[nodiscard]] std::optional<fabric::ConnectionEvent> next_lookup_event() noexcept;
  Result<> try_next_route();
  void pass_over(const Error&);
  std::optional<fabric::ConnectionEvent> on_cm_event(const CmEvent&);
  std::optional<fabric::ConnectionEvent> on_address_resolved();
  std::optional<fabric::ConnectionEvent> on_route_resolved();
  std::optional<fabric::ConnectionEvent> give_route_up(const Error&);
  fabric::ConnectionEvent on_accepted(const CmEvent&);
  std::optional<fabric::ConnectionEvent> next_device_event();
  fabric::ConnectionEvent over(Error);
  void fill_path();
  [[nodiscard]] Error unresolved(int error) const;
  [[nodiscard]] std::string attempt() const;  // "connect to 10.0.0.2:5555 over rxe0/1"
  [[nodiscard]] Error not_now(const char* operation) const noexcept;

  const std::shared_ptr<DeviceCache> devices_;
  const fabric::ConnectOptions options_;
  const bool native_infiniband_;
  std::vector<Route> routes_;
  std::size_t next_route_ = 0;
  std::string destination_text_;
  Error passed_over_;  // the errors of all routes before the present one

  Phase phase_ = Phase::resolving_address;
  fabric::Path path_;
  // Declared in the order of creation, because members are destroyed in reverse order.
  std::optional<ConnectionManager> cm_;
  std::unique_ptr<NameLookup> lookup_;
  std::shared_ptr<Device> device_;
  std::unique_ptr<Queues> queues_;
  std::unique_ptr<AsyncListener> listener_;
};

}  // namespace srpi::verbs
