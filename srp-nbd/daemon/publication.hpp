// SPDX-License-Identifier: Apache-2.0
// What a session shows to the outside: kernel devices, one a logical unit, or one Unix socket with an export a unit.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/session_request.hpp"
#include "control/session_view.hpp"
#include "export/kernel_device.hpp"
#include "export/socket_server.hpp"
#include "lane/lane.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

class Publication {
 public:
  using Done = std::function<void(Outcome<>)>;

  // The lane and the devices must outlive it.
  Publication(boost::asio::any_io_executor, KernelDeviceManager&, Lane&, const SessionRequest&);
  ~Publication();  // what was not withdrawn is disconnected, unattended
  Publication(const Publication&) = delete;
  Publication& operator=(const Publication&) = delete;

  // All units or none: after a failure nothing is left. Done is called later, never from within, and not at
  // all once this object is gone. std::bad_alloc out of this: nothing is published.
  void publish(std::vector<srpi::LogicalUnitInfo>, Done);
  // Disconnects the kernel devices, removes the socket. A publish under way ends: its Done is not called, and the
  // device that the kernel may just be making is waited for and taken away, too, within the deadlines of
  // KernelDeviceManager. A device that the kernel does not let go is named in the failure; all others are gone.
  void withdraw(Done);

  struct LostDevice {
    UnitView unit;  // with its device, for the last time
    srpi::Error why;
  };
  // Of a lane's connection. The device that is lost by it, where that was not our doing.
  std::optional<LostDevice> connection_closed(std::uint64_t connection_id, const srpi::Error& why);
  void update(const srpi::LogicalUnitInfo&);  // a unit has grown, and its device with it
  [[nodiscard]] std::vector<UnitView> units() const;
  // Of the same number; that of the info alone, where it is not published.
  [[nodiscard]] UnitView unit(const srpi::LogicalUnitInfo&) const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// The kernel must outwait every deadline of ours: a command with its abort, a login, a held queue, and some slack.
[[nodiscard]] std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions&);

}  // namespace srp_nbd
