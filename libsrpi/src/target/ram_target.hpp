// SPDX-License-Identifier: Apache-2.0
// A complete SRP target with RAM disks over the fabric interfaces. It is srp-nbd's embedded default and the
// peer of the tests.
//
// The target belongs to one thread. The fabric's owner passes it connection requests (it is an Acceptor) and
// calls poll(). After a channel's login, the data path does not allocate. RDMA accesses the disks' memory
// directly.
//
// Stop listening before you destroy the target. Destroy the target before the fabric.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "fabric/endpoint.hpp"
#include "scsi/sense.hpp"
#include "target/config.hpp"
#include "target/outcome.hpp"
#include "wire/login.hpp"
#include "wire/logout.hpp"

namespace srpi::target {

class Channel;
class LogicalUnit;
struct DeviceMemory;
struct HeldWrite;
struct LoginVerdict;
struct Nexus;
struct PendingFunction;

struct ChannelInfo {
  ChannelNumber number = 0;
  PortId initiator;
  bool established = false;
  std::uint32_t commands = 0;  // received, but not answered
  std::uint32_t max_initiator_iu_bytes = 0;
  bool immediate_data = false;
};

// Counters since the start.
struct Counters {
  std::uint64_t logins = 0;
  std::uint64_t rejects = 0;
  std::uint64_t commands = 0;
  std::uint64_t task_management = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t violations = 0;      // protocol violations of initiators
  std::uint64_t target_answers = 0;  // CRED_RSP and AER_RSP received
  std::uint64_t lost_channels = 0;   // ended by the peer or an error
};

class RamTarget final : public fabric::Acceptor {
 public:
  // Errors: invalid_argument (the text names the field), no_memory.
  [[nodiscard]] static Result<std::unique_ptr<RamTarget>> create(TargetConfig);
  ~RamTarget() override;

  // For fabric::Acceptor. An offline target drops the request without an answer, as if nothing listened.
  void on_connection_request(std::unique_ptr<fabric::PassiveEndpoint>) override;
  // Processes completions and events. Returns their number.
  std::size_t poll();

  // Going offline ends every connection at once. An offline target answers no login. The disks keep their
  // contents.
  void set_online(bool);
  [[nodiscard]] bool online() const noexcept { return online_; }
  // Ends every connection, but stays online.
  void drop_connections();

  // Fault injection: the hook is called once for every command. An empty hook removes it.
  void set_command_hook(CommandHook hook) { hook_ = std::move(hook); }
  void set_task_hook(TaskHook hook) { task_hook_ = std::move(hook); }
  // Continues held commands, the earliest first. Returns their number.
  std::size_t release_held(std::size_t at_most = SIZE_MAX);
  [[nodiscard]] std::size_t held() const noexcept;
  // A hanging unit does not process anything, task management functions included, like one whose disk does
  // not answer. When it stops hanging, it first processes the waiting requests of live connections. Errors:
  // no_such_lun.
  [[nodiscard]] Result<> hang(std::uint16_t lun, bool);
  // Rejects every login with this reason; nullopt ends that.
  void reject_logins(std::optional<wire::RejectReason> reason) noexcept { forced_reject_ = reason; }
  // Rejects logins that would add a channel to those of the initiator port; nullopt ends that.
  void reject_further_channels(std::optional<wire::RejectReason> reason) noexcept {
    forced_channel_reject_ = reason;
  }
  // The hook may change every LOGIN_RSP before it is sent.
  void set_login_response_hook(std::function<void(wire::LoginResponse&)> hook) {
    login_hook_ = std::move(hook);
  }

  // Units that a target sends unasked, to one or all established channels. They return the number of
  // channels. A channel has at most one unanswered request (SRP); the next is sent after its answer.
  std::size_t send_logout(wire::LogoutReason, std::optional<ChannelNumber> = std::nullopt);
  std::size_t send_credit_request(std::int32_t delta, std::optional<ChannelNumber> = std::nullopt);
  std::size_t send_async_event(std::uint16_t lun, const scsi::Sense&,
                               std::optional<ChannelNumber> = std::nullopt);
  // Sends any bytes, at most 64 KiB.
  std::size_t send_raw(std::span<const std::byte> unit, std::optional<ChannelNumber> = std::nullopt);

  // The operator's changes. Every session gets a unit attention. Errors: no_such_lun, invalid_argument,
  // already_exists, no_memory.
  [[nodiscard]] Result<> add_lun(const LunConfig&);
  [[nodiscard]] Result<> remove_lun(std::uint16_t lun);
  // Brings a removed unit back, with its contents.
  [[nodiscard]] Result<> restore_lun(std::uint16_t lun);
  [[nodiscard]] Result<> resize(std::uint16_t lun, std::uint64_t bytes);
  [[nodiscard]] Result<> set_read_only(std::uint16_t lun, bool);
  // Replaces the unit at this LUN by a different one, without a unit attention.
  [[nodiscard]] Result<> rename(std::uint16_t lun, const std::string& name);
  [[nodiscard]] Result<> raise_attention(std::uint16_t lun, scsi::AdditionalSense);
  // Simulates a power failure: the contents of all volatile caches are lost.
  void lose_caches() noexcept;
  // Loses the cache of one unit. The caller must make the next command end with a deferred error.
  void lose_cache(std::uint16_t lun) noexcept;

  // The contents of a disk, for comparison; empty for an unknown LUN. Valid until remove_lun() or resize().
  [[nodiscard]] std::span<std::byte> disk_bytes(std::uint16_t lun) const noexcept;
  [[nodiscard]] std::vector<ChannelInfo> channels() const;
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  [[nodiscard]] const TargetConfig& config() const noexcept { return config_; }

 private:
  friend class Channel;

  explicit RamTarget(TargetConfig);

  // login.cpp
  [[nodiscard]] LoginVerdict judge_login(std::span<const std::byte> private_data) const;
  [[nodiscard]] std::optional<wire::RejectReason> establish(std::unique_ptr<fabric::PassiveEndpoint>&,
                                                            const LoginVerdict&);
  [[nodiscard]] Nexus* find_nexus(const PortId&) const noexcept;
  [[nodiscard]] std::uint32_t channels_of(const PortId&) const noexcept;
  void end_nexus(const PortId&);  // for a login with the multi-channel action "single"
  [[nodiscard]] Result<DeviceMemory*> memory_on(const std::shared_ptr<fabric::Device>&);

  // flood.cpp
  [[nodiscard]] static CommandHook flood_hook(RamFlood);
  std::size_t flood();

  // task_management.cpp
  void start_function(Channel&, std::uint32_t slot);
  void carry_out(Channel&, std::uint32_t slot);
  void abort_done(std::uint64_t function);

  [[nodiscard]] HeldWrite* hold_write(Channel&, std::uint32_t slot,
                                      std::uint32_t bytes);  // null: there is not enough memory
  void apply_held_write(const HeldWrite&);
  [[nodiscard]] std::vector<std::uint8_t> report_luns(std::uint8_t select) const;
  [[nodiscard]] LogicalUnit* unit_at(std::uint64_t wire_lun) const noexcept;
  [[nodiscard]] Result<LogicalUnit*> unit_numbered(std::uint16_t lun) const;
  void attend(const LogicalUnit*, scsi::AdditionalSense, const Nexus* but = nullptr);  // null: all units
  void forget_ended_channels();
  template<class Waits>  // the earliest command for which `waits` is true, and its channel or null
  [[nodiscard]] std::pair<Channel*, std::uint32_t> earliest(Waits) const noexcept;
  template<class Visit>
  std::size_t on_channels(std::optional<ChannelNumber>, Visit);

  TargetConfig config_;
  bool online_ = true;
  CommandHook hook_;
  TaskHook task_hook_;
  std::function<void(wire::LoginResponse&)> login_hook_;
  std::optional<wire::RejectReason> forced_reject_, forced_channel_reject_;
  Counters counters_;
  ChannelNumber last_channel_ = 0;
  std::uint64_t last_function_ = 0;

  // Units live as long as the target, because commands and registrations may still refer to a removed unit.
  std::vector<std::unique_ptr<LogicalUnit>> units_;
  std::array<LogicalUnit*, kMostLun + 1> by_number_{};
  std::vector<std::unique_ptr<DeviceMemory>> devices_;
  std::vector<std::unique_ptr<Nexus>> nexuses_;
  std::vector<std::unique_ptr<HeldWrite>> held_writes_;
  std::vector<PendingFunction> functions_;
  std::vector<std::unique_ptr<Channel>> channels_;
};

}  // namespace srpi::target
