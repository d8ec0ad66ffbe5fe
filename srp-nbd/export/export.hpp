// SPDX-License-Identifier: Apache-2.0
// What a session shows to the outside. There are two kinds: kernel devices (nbd_devices.hpp), one a logical unit, and
// a Unix socket (nbd_socket.hpp) with an NBD export a unit.
//
// Threads: main thread only. Lifetime: the lane outlives the export. A publish or withdraw under way keeps its export
// alive.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "srpi/session.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct ExportedUnit {
  srpi::LogicalUnitInfo info;
  std::string device;  // "/dev/nbd0", or
  std::string uri;     // "nbd+unix:///lun0?socket=PATH"; both empty: cannot be opened
};

class Export {
 public:
  struct LostDevice {
    ExportedUnit unit;  // with its device, for the last time
    srpi::Error why;
  };

  virtual ~Export() = default;

  // All units or none: after a failure nothing is left. Fails with `cancelled` when `withdraw` comes meanwhile.
  [[nodiscard]] virtual boost::asio::awaitable<Outcome<>> publish(std::vector<srpi::LogicalUnitInfo>) = 0;
  // Ends a publish under way, waits for that end, then takes everything away. Several calls share one end. A device that
  // the kernel does not let go is named in the failure; all others are gone.
  [[nodiscard]] virtual boost::asio::awaitable<Outcome<>> withdraw() = 0;
  // The unit may have another size now.
  virtual void resize(const srpi::LogicalUnitInfo&) = 0;

  // A connection of the lane's has ended. Returns the device that is lost by it, unless we have ended it ourselves.
  virtual std::optional<LostDevice> connection_closed(std::uint64_t connection_id,
                                                      const srpi::Error& why) = 0;

  [[nodiscard]] virtual std::vector<ExportedUnit> units() const = 0;
  // The exported unit of that number; a unit that is not exported has neither device nor uri.
  [[nodiscard]] ExportedUnit unit(const srpi::LogicalUnitInfo&) const;

 protected:
  // Unique in this process.
  [[nodiscard]] static std::uint64_t next_connection_id() noexcept;
  // A session without units cannot be published.
  [[nodiscard]] static Outcome<> check_units(const std::vector<srpi::LogicalUnitInfo>&);
};

}  // namespace srp_nbd
