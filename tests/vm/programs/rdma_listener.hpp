// SPDX-License-Identifier: Apache-2.0
// The target's side of the fabric over RDMA. It lets the built-in target run in a test machine, where it does
// on request what Linux's target never does to an initiator. Belongs to one thread.
#pragma once

#include <rdma/rdma_cma.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fabric/endpoint.hpp"
#include "verbs/device.hpp"

namespace srpi::test {

class PassiveEndpoint;

// Listens on an address and passes connection requests to an Acceptor. It must outlive its endpoints, and the
// Acceptor must outlive it.
class RdmaListener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RdmaListener>> open(const std::string& address,
                                                                  std::uint16_t port, fabric::Acceptor&);
  ~RdmaListener();

  // To sleep on, together with append_fds().
  [[nodiscard]] int fd() const noexcept { return channel_->fd; }
  void append_fds(std::vector<int>&) const;
  // Arms every endpoint. Returns false if there is a completion to poll.
  [[nodiscard]] bool arm();
  std::size_t poll();  // processes the connection manager's events

  // Existing connections post no receives while this is true. All withheld receives are posted when it ends.
  void withhold_receives(bool);
  // The receives of existing connections have only this many bytes, so longer units do not fit.
  void shorten_receives(std::uint32_t bytes);

 private:
  friend class PassiveEndpoint;
  RdmaListener(verbs::CmChannelHandle, verbs::CmIdHandle, fabric::Acceptor&) noexcept;

  verbs::CmChannelHandle channel_;
  verbs::CmIdHandle id_;
  fabric::Acceptor& acceptor_;
  verbs::DeviceCache devices_;
  std::vector<PassiveEndpoint*> endpoints_;  // owned by the acceptor
};

}  // namespace srpi::test
