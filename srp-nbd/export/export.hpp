// SPDX-License-Identifier: Apache-2.0
// An export publishes the logical units of a session. There are two kinds: kernel devices (nbd_devices.hpp),
// one per unit, and a Unix socket (nbd_socket.hpp) with one NBD export per unit.
//
// Threads: main thread only. Lifetime: the lane must outlive the export. A running publish or withdraw keeps
// its export alive.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "srpi/session.hpp"
#include "support/coroutine.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct ExportedUnit {
  srpi::LogicalUnitInfo info;
  std::string device;  // "/dev/nbd0", or
  std::string uri;     // "nbd+unix:///lun0?socket=PATH"; both empty: not published
};

class Export {
 public:
  struct LostDevice {
    ExportedUnit unit;  // still with its device
    srpi::Error why;
  };

  virtual ~Export() = default;

  // Publishes all these units. Precondition: there is one. After a failure none is published. Fails with
  // `cancelled` if `withdraw` is called meanwhile.
  [[nodiscard]] virtual awaitable<Outcome<>> publish(std::vector<srpi::LogicalUnitInfo>) = 0;
  // Publishes one more unit beside those that are published. After a failure these stay published. Precondition: no
  // publication runs, and publish has succeeded. Fails as publish does.
  [[nodiscard]] virtual awaitable<Outcome<>> add(srpi::LogicalUnitInfo) = 0;
  // Ends a running publish or add and waits for its end, then withdraws everything. Several calls share one
  // withdrawal. The failure names a device that the kernel does not release; all others are gone.
  [[nodiscard]] virtual awaitable<Outcome<>> withdraw() = 0;
  // Withdraws this one. Its clients' connections end. Precondition: it is published, and neither a publication nor a
  // withdrawal runs. The failure names a device that the kernel does not release; it is not published any more.
  [[nodiscard]] virtual awaitable<Outcome<>> remove(std::uint64_t lun) = 0;
  // What uses the published units, or this one, in words: mounts, processes, clients. It may change at any time.
  using Users = Outcome<std::vector<std::string>>;
  [[nodiscard]] virtual awaitable<Users> users(std::optional<std::uint64_t> lun = std::nullopt) = 0;
  // Called when the unit may have another size.
  virtual void resize(const srpi::LogicalUnitInfo&) = 0;

  // Called when a connection of the lane has ended. Returns the device that is lost with the connection, or
  // nullopt if we ended the connection or if there is no device.
  virtual std::optional<LostDevice> connection_closed(std::uint64_t connection_id,
                                                      const srpi::Error& why) = 0;

  [[nodiscard]] virtual std::vector<ExportedUnit> units() const = 0;

 protected:
  // Returns a new id, unique in this process.
  [[nodiscard]] static std::uint64_t next_connection_id() noexcept {
    static std::atomic<std::uint64_t> last{0};  // only an identity; the order has no meaning
    return ++last;
  }
};

}  // namespace srp_nbd
