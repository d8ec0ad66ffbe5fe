// SPDX-License-Identifier: Apache-2.0
// The target's end of the fabric over RDMA, for the built-in target in a machine of the tests: what Linux' target
// never does to an initiator, this one does when it is told to. One thread.
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

// Listens on an address for as long as it lives, and hands connection requests to an Acceptor. It outlives the
// endpoints that it handed out, and the Acceptor outlives it.
class RdmaListener {
 public:
  [[nodiscard]] static Result<std::unique_ptr<RdmaListener>> open(const std::string& address,
                                                                  std::uint16_t port, fabric::Acceptor&);
  ~RdmaListener();

  // What to sleep on, beside append_fds().
  [[nodiscard]] int fd() const noexcept { return channel_->fd; }
  void append_fds(std::vector<int>&) const;
  // Of every endpoint. False: there is something to poll for.
  [[nodiscard]] bool arm();
  std::size_t poll();  // the connection manager's events

  // Of the connections there are: the device gets no receive from now on, until it gets all that were kept back.
  void withhold_receives(bool);
  // Of the connections there are: receives take so many bytes from now on; longer units do not fit.
  void shorten_receives(std::uint32_t bytes);

 private:
  friend class PassiveEndpoint;
  RdmaListener(verbs::CmChannelHandle, verbs::CmIdHandle, fabric::Acceptor&) noexcept;

  verbs::CmChannelHandle channel_;
  verbs::CmIdHandle id_;
  fabric::Acceptor& acceptor_;
  verbs::DeviceCache devices_;
  std::vector<PassiveEndpoint*> endpoints_;  // the acceptor's
};

}  // namespace srpi::test
