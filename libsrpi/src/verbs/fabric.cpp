// SPDX-License-Identifier: Apache-2.0
#include "verbs/fabric.hpp"

#include <fmt/format.h>
#include <infiniband/verbs.h>

#include "verbs/active_endpoint.hpp"
#include "verbs/name_lookup.hpp"

namespace srpi::verbs {
namespace {

std::optional<Error> invalid(const fabric::ConnectOptions& options) {
  const auto beyond = [](const char* name, unsigned value, unsigned low, unsigned high) {
    return Error{Errc::invalid_argument,
                 fmt::format("{} {} is out of range: {} to {} is permitted", name, value, low, high)};
  };
  if (options.retry_count > 7) return beyond("retry_count", options.retry_count, 0, 7);
  if (options.rnr_retry_count > 7) return beyond("rnr_retry_count", options.rnr_retry_count, 0, 7);
  if (options.ack_timeout_exponent > 31)
    return beyond("ack_timeout_exponent", options.ack_timeout_exponent, 0, 31);
  // With 0, the target's RDMA READs, and so every write, would be refused.
  if (options.responder_resources == 0) return beyond("responder_resources", 0, 1, 255);
  return std::nullopt;
}

Result<std::unique_ptr<fabric::ActiveEndpoint>> base_of(Result<std::unique_ptr<ActiveEndpoint>> endpoint) {
  if (!endpoint) return endpoint.error();
  return std::unique_ptr<fabric::ActiveEndpoint>(std::move(*endpoint));
}

class Fabric final : public fabric::Fabric {
 public:
  Result<std::unique_ptr<fabric::ActiveEndpoint>> open(const TargetAddress& target,
                                                       const fabric::ConnectOptions& options) override {
    if (auto error = invalid(options)) return *error;
    devices_->look_again();
    std::vector<Route> routes;
    const auto* infiniband = std::get_if<IbCmAddress>(&target.transport);
    if (infiniband != nullptr) {
      routes.push_back(route_to(*infiniband));
    } else if (const auto* rdma_cm = std::get_if<RdmaCmAddress>(&target.transport)) {
      if (rdma_cm->port != 0 && !names_in(*rdma_cm).empty())
        return base_of(ActiveEndpoint::open(devices_, lookups_, *rdma_cm, options));
      auto found = routes_to(*rdma_cm);
      if (!found) return found.error();
      routes = std::move(*found);
    } else {
      return Error{Errc::invalid_argument, "the built-in RAM target cannot be reached over RDMA"};
    }
    return base_of(ActiveEndpoint::open(devices_, std::move(routes), infiniband != nullptr, options));
  }

 private:
  // The endpoints share it, because they may outlive the fabric.
  const std::shared_ptr<DeviceCache> devices_ = std::make_shared<DeviceCache>();
  NameLookups lookups_;
};

// Without this, a process that forks (by system(), for instance) and then writes to a registered page gets a copy of
// that page, while the device goes on with the old one. Kernels from 5.12 on copy such pages for the child instead;
// there libibverbs does nothing here. It also does nothing, and returns an error, if the program has registered memory
// with libibverbs already: then the program has to decide (session.hpp). The call is not safe in several threads.
void prepare_for_fork() noexcept { [[maybe_unused]] static const int error = ibv_fork_init(); }

}  // namespace

std::unique_ptr<fabric::Fabric> make_fabric() {
  prepare_for_fork();
  return std::make_unique<Fabric>();
}

}  // namespace srpi::verbs
