// SPDX-License-Identifier: Apache-2.0
// One RDMA channel of a session: its queue pair, the slots of its requests, the units that it still has to
// send.
//
//   channel.cpp          receives, completions, sending, the channel's end
//   requests.cpp         units that the target sends unasked
//   commands.cpp         the execution of SCSI commands
//   answer.cpp           SRP_RSP: status, sense data, residuals
//   transfer.cpp         data: descriptors, RDMA, immediate data
//   task_management.cpp  aborts and resets
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "fabric/endpoint.hpp"
#include "target/mapping.hpp"
#include "target/ram_target.hpp"
#include "target/slot.hpp"
#include "wire/response.hpp"

namespace srpi::target {

class Channel {
 public:
  Channel(RamTarget&, ChannelNumber, Nexus&, DeviceMemory&, std::unique_ptr<fabric::PassiveEndpoint>);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Creates the queues and buffers and posts the receives. Errors: those of the fabric.
  [[nodiscard]] Result<> prepare(const wire::LoginRequest&, const wire::LoginResponse&);
  [[nodiscard]] fabric::PassiveEndpoint& endpoint() noexcept { return *endpoint_; }

  std::size_t poll();
  // Ends the channel at once, locally, and drops its requests. ended() is true then, and the target removes
  // it.
  void end() noexcept;
  // Sends SRP_T_LOGOUT and then ends the channel. If it cannot be sent, ends the channel at once.
  void log_out(wire::LogoutReason);
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool usable() const noexcept { return established_ && !closing_ && !ended_; }
  [[nodiscard]] bool moves_data_out() const noexcept;
  // The unit lost its cache: writes whose data is moving will fail, so that the initiator sends them again.
  void lose_cache(const LogicalUnit&) noexcept;

  // True if a request of ours is not answered, or waits for that.
  [[nodiscard]] bool has_request() const noexcept { return unanswered_request_ || !requests_.empty(); }
  void request_credit(std::int32_t delta);
  void request_async_event(std::uint64_t wire_lun, const scsi::Sense&);
  void send_raw(std::span<const std::byte>);
  void flush();  // posts the collected work requests

  void release(std::uint32_t slot);              // continues a held command
  void take_up(std::uint32_t slot);              // continues a request that waited while its unit hung
  void complete_held_write(std::uint32_t slot);  // the data is on the medium: answers
  void forget(std::uint32_t slot);  // ends the request without an answer; a later answer returns its credit
  // Aborts the command. True: it has ended. False: it ends later and then reports that to the function.
  [[nodiscard]] bool abort(std::uint32_t slot, std::uint64_t function);
  void answer_function(std::uint32_t slot, wire::TaskResult);

  [[nodiscard]] ChannelInfo info() const;
  [[nodiscard]] ChannelNumber number() const noexcept { return number_; }
  [[nodiscard]] Nexus& nexus() const noexcept { return nexus_; }
  [[nodiscard]] std::vector<Slot>& slots() noexcept { return slots_; }

 private:
  // The kind of a completion of the send queue. It is the highest part of the id.
  enum class Sent : std::uint8_t { other, table, move, logout };
  struct TargetRequest {
    bool credit = true;
    std::int32_t delta = 0;
    std::uint64_t lun = 0;
    scsi::Sense sense;
  };
  struct RawUnit {
    std::vector<std::byte> bytes;
    std::unique_ptr<fabric::MemoryRegion> region;
  };
  static constexpr std::uint32_t kInlineBytes = 64;  // room for every unit except raw ones
  static constexpr std::uint32_t kSpareReceives =
      4;  // for answers to our requests, SRP_I_LOGOUT, one request too many

  // channel.cpp
  std::size_t take_events();
  void on_completion(const fabric::Completion&);
  void on_sent(std::uint64_t id);
  void on_unit(std::uint32_t slot, std::span<const std::byte> unit);
  void on_answer(bool credit, std::uint64_t tag, std::uint32_t slot);
  void next_request();
  void violation(wire::LogoutReason);
  void receive_again(std::uint32_t slot);
  [[nodiscard]] std::uint32_t room() const noexcept {
    return send_depth_ - static_cast<std::uint32_t>(posted_ - retired_);
  }
  fabric::SendWork& add_work(Sent, std::uint32_t slot);
  [[nodiscard]] std::span<std::byte> add_unit(Sent, bool signaled,
                                              std::uint32_t slot);  // encode into it, then call finish_unit
  void finish_unit(std::size_t bytes, bool solicited);
  void stall(std::uint32_t slot);
  void run_stalled();
  [[nodiscard]] std::span<std::byte> receive_buffer(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::byte* table_buffer(std::uint32_t slot) const noexcept;
  [[nodiscard]] std::byte* parameter_buffer(std::uint32_t slot) const noexcept;

  // commands.cpp
  void on_command(std::uint32_t slot, std::span<const std::byte> unit);
  void apply(std::uint32_t slot, const Outcome&);
  void start(std::uint32_t slot);
  void start_without_unit(std::uint32_t slot, const Result<scsi::DecodedCdb>&);
  [[nodiscard]] bool report_attention(std::uint32_t slot);
  void start_block_io(std::uint32_t slot);
  void start_parameter_out(std::uint32_t slot);
  void reply(std::uint32_t slot, std::span<const std::uint8_t> data, std::uint32_t allocation_bytes);
  void finish_data_out(std::uint32_t slot);
  void finish_write_same(std::uint32_t slot);
  void finish_unmap(std::uint32_t slot);

  // answer.cpp
  void refuse(std::uint32_t slot, scsi::SenseKey, scsi::AdditionalSense);
  void refuse(std::uint32_t slot, const scsi::Sense&);
  void answer(std::uint32_t slot, scsi::Status);
  [[nodiscard]] std::uint8_t residuals(const Slot&, wire::Response&) const noexcept;

  // transfer.cpp
  void start_move(std::uint32_t slot, bool data_out, std::byte* memory, std::uint32_t lkey,
                  std::uint32_t data_bytes);
  void go_on_with(std::uint32_t slot, wire::DescriptorView);
  void fetch_table(std::uint32_t slot);
  void on_table(std::uint32_t slot);
  void move(std::uint32_t slot);
  void on_moved(std::uint32_t slot);

  RamTarget& target_;
  const ChannelNumber number_;
  Nexus& nexus_;
  DeviceMemory& memory_;
  std::unique_ptr<fabric::PassiveEndpoint> endpoint_;
  bool established_ = false;
  bool closing_ = false;
  bool ended_ = false;

  std::uint32_t max_receive_bytes_ = 0;
  std::uint32_t max_initiator_iu_bytes_ = 0;
  std::uint16_t immediate_data_offset_ = 0;
  std::uint32_t request_limit_ = 0;
  std::uint32_t outstanding_ = 0;  // received requests whose credit is not returned yet
  std::int32_t owed_ = 0;          // credits of requests that ended without an answer

  Mapping buffers_;  // of all slots: all receive buffers, then all tables, then all parameters
  std::unique_ptr<fabric::MemoryRegion> buffers_region_;
  std::vector<Slot> slots_;

  // The send queue. Positions only grow; the ones below retired_ are free again.
  std::uint32_t send_depth_ = 0;
  std::uint64_t posted_ = 0;
  std::uint64_t retired_ = 0;
  std::uint64_t signaled_ = 0;  // the newest signaled position + 1
  std::vector<fabric::SendWork> batch_;
  std::vector<fabric::Sge> batch_sges_;
  std::vector<std::array<std::byte, kInlineBytes>> batch_units_;
  std::vector<fabric::ReceiveWork> receives_;
  std::vector<std::uint32_t> stalled_;  // slots that wait for room, first come first served
  std::array<fabric::Completion, 64> completions_{};

  // Changes the data of the command that is being started; null: none.
  const std::function<void(std::vector<std::uint8_t>&)>* bend_ = nullptr;
  std::deque<TargetRequest> requests_;
  std::optional<bool> unanswered_request_;  // the tag of a credit request or an event
  std::uint64_t request_tag_ = 0;
  std::vector<std::unique_ptr<RawUnit>> raw_units_;
};

}  // namespace srpi::target
