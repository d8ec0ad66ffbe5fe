// SPDX-License-Identifier: Apache-2.0
// Publishes a session's units as kernel devices /dev/nbdN. A socket pair connects each device with the lane.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "export/export.hpp"
#include "export/kernel_device.hpp"
#include "lane/lane.hpp"
#include "srpi/log_limit.hpp"
#include "srpi/session_options.hpp"

namespace srp_nbd {

struct NbdDevicesOptions {
  std::string session_name = {};
  // N of /dev/nbdN by LUN; with no LUN, of a session's single unit. The other units get the first free devices.
  std::map<std::optional<std::uint64_t>, std::uint32_t> indices = {};
  srpi::SessionOptions session = {};  // the kernel's timeout depends on its deadlines
};

class NbdDevices final : public Export, public std::enable_shared_from_this<NbdDevices> {
 public:
  // Manager and lane must outlive the export.
  NbdDevices(Executor, KernelDeviceManager&, Lane&, NbdDevicesOptions);
  ~NbdDevices() override;  // disconnects the devices that are not withdrawn, without waiting

  // Makes the devices one after the other, first those with an index, so that no other unit takes these. The
  // numbers of the others have the order of the units.
  awaitable<Outcome<>> publish(std::vector<srpi::LogicalUnitInfo>) override;
  awaitable<Outcome<>> add(srpi::LogicalUnitInfo) override;
  awaitable<Outcome<>> withdraw() override;
  awaitable<Outcome<>> remove(std::uint64_t lun) override;
  awaitable<Users> users(std::optional<std::uint64_t> lun = std::nullopt) override;
  void resize(const srpi::LogicalUnitInfo&) override;
  std::optional<LostDevice> connection_closed(std::uint64_t connection_id, const srpi::Error& why) override;
  [[nodiscard]] std::vector<ExportedUnit> units() const override;

 private:
  struct Unit {
    srpi::LogicalUnitInfo info;
    std::optional<KernelDevice> device;
    std::uint64_t device_bytes = 0;  // the size that the kernel knows, or is being told
    bool is_resizing = false;
    bool is_lost = false;             // the device's connection has ended; it is only disconnected
    std::uint64_t connection_id = 0;  // 0: none
    srpi::Error refusal;              // set if the lane does not serve the unit
  };

  [[nodiscard]] Outcome<> check(const std::vector<srpi::LogicalUnitInfo>&) const;
  [[nodiscard]] Outcome<> check_room(std::size_t units) const;
  [[nodiscard]] std::optional<std::uint32_t> index_of(const Unit&) const;
  [[nodiscard]] awaitable<Outcome<>> connect(Unit&);
  [[nodiscard]] awaitable<void> take_back_last();
  // Fails if the lane has refused one of the units from this index on.
  [[nodiscard]] awaitable<Outcome<>> ask_lane(std::size_t first);
  [[nodiscard]] KernelDeviceOptions device_options(const Unit&) const;
  [[nodiscard]] static ExportedUnit exported(const Unit&);
  void fit_device(Unit&);
  [[nodiscard]] static awaitable<void> resize_device(std::weak_ptr<NbdDevices>, KernelDeviceManager&,
                                                     KernelDevice, std::uint64_t size_bytes);

  const Executor executor_;
  KernelDeviceManager& kernel_;
  Lane& lane_;
  const NbdDevicesOptions options_;
  // About the time when the session's login began; connect_timeout counts from here.
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::vector<Unit> units_;  // its length does not change during a publication or a withdrawal
  srpi::LogLimit resized_log_;
  std::stop_source give_up_;                           // requested when a withdrawal begins
  std::optional<Answer<std::monostate>> publishing_;   // given at the end of the running publication
  std::optional<Answer<Outcome<>>> withdrawing_;       // given at the end of the running withdrawal
  std::optional<Answer<std::monostate>> lane_answer_;  // what the running publication waits for
};

// The kernel's timeout must be longer than all our deadlines together: a command with its abort, a login,
// held I/O, and some reserve.
[[nodiscard]] std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions&);

}  // namespace srp_nbd
