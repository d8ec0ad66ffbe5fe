// SPDX-License-Identifier: Apache-2.0
// A session's units as kernel devices /dev/nbdN, each connected to the lane by a socket pair.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "export/export.hpp"
#include "export/kernel_device.hpp"
#include "lane/lane.hpp"
#include "srpi/session_options.hpp"
#include "support/answer.hpp"

namespace srp_nbd {

struct NbdDevicesOptions {
  std::string session_name;
  std::optional<std::uint32_t>
      index;                     // /dev/nbd<index>, of a session with one unit; unset: the first free ones
  srpi::SessionOptions session;  // its deadlines are the base of the kernel's
};

class NbdDevices final : public Export, public std::enable_shared_from_this<NbdDevices> {
 public:
  // The manager outlives the export, as the lane does.
  NbdDevices(boost::asio::any_io_executor, KernelDeviceManager&, Lane&, NbdDevicesOptions);
  ~NbdDevices() override;  // what was not withdrawn is disconnected, unattended

  // Devices come one after the other, so that their numbers follow the units'.
  boost::asio::awaitable<Outcome<>> publish(std::vector<srpi::LogicalUnitInfo>) override;
  boost::asio::awaitable<Outcome<>> withdraw() override;
  void resize(const srpi::LogicalUnitInfo&) override;
  std::optional<LostDevice> connection_closed(std::uint64_t connection_id, const srpi::Error& why) override;
  [[nodiscard]] std::vector<ExportedUnit> units() const override;

 private:
  struct Unit {
    srpi::LogicalUnitInfo info;
    std::optional<KernelDevice> device;
    std::uint64_t device_bytes = 0;   // its size, as the kernel was told
    bool is_lost = false;             // the device's connection has ended: it is ours to take away, no more
    std::uint64_t connection_id = 0;  // 0: none
    srpi::Error refusal;              // the lane does not serve it
  };

  [[nodiscard]] Outcome<> check(const std::vector<srpi::LogicalUnitInfo>&) const;
  [[nodiscard]] boost::asio::awaitable<Outcome<>> connect_all();
  [[nodiscard]] boost::asio::awaitable<Outcome<>> connect(Unit&);
  [[nodiscard]] boost::asio::awaitable<Outcome<>> ask_lane();
  [[nodiscard]] KernelDeviceOptions device_options(const Unit&) const;
  [[nodiscard]] Failure stays_behind(const KernelDevice&, const Failure& why) const;
  [[nodiscard]] static ExportedUnit exported(const Unit&);
  void fit_device(Unit&);

  const boost::asio::any_io_executor executor_;
  KernelDeviceManager& kernel_;
  Lane& lane_;
  const NbdDevicesOptions options_;
  const std::chrono::steady_clock::time_point begun_ =
      std::chrono::steady_clock::now();  // with the session's login
  std::vector<Unit> units_;   // neither longer nor shorter while a publish or a withdrawal is under way
  std::stop_source give_up_;  // requested: a withdrawal has begun
  std::optional<Answer<std::monostate>> publishing_;   // given at the end of the publish under way
  std::optional<Answer<Outcome<>>> withdrawing_;       // given at the end of the withdrawal under way
  std::optional<Answer<std::monostate>> lane_answer_;  // what the publish under way waits for
};

// The kernel must outwait every deadline of ours: a command with its abort, a login, a held queue, and some slack.
[[nodiscard]] std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions&);

}  // namespace srp_nbd
