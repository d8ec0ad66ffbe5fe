// SPDX-License-Identifier: Apache-2.0
// An RDMA channel: one queue pair with its commands and task management functions. On the data path there is
// no lock, no allocation after open(), and nothing that the session's channels share.
//
// Buffers. Each command has a send slot for its SRP_CMD unit. The slot is reused after the command's answer,
// because the target has the unit then. Receive buffers are posted again in batches after their unit is
// decoded. The target can reach a command's data from the post until SRP_RSP, until a confirmed ABORT TASK or
// LOGICAL UNIT RESET, or until end() has destroyed the queue pair.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/slot_table.hpp"
#include "channel/buffers.hpp"
#include "channel/command.hpp"
#include "channel/credits.hpp"
#include "channel/limits.hpp"
#include "channel/request_rate.hpp"
#include "channel/send_batch.hpp"
#include "channel/send_queue.hpp"
#include "channel/tmf.hpp"
#include "channel/tmf_slots.hpp"
#include "channel/unit_events.hpp"
#include "channel/unit_resets.hpp"
#include "fabric/endpoint.hpp"
#include "wire/logout.hpp"

namespace srpi::wire {
struct Response;
}

namespace srpi::channel {

// The values that the login negotiated.
struct ChannelTerms {
  std::int32_t request_limit = 0;
  std::uint32_t max_it_iu_bytes = 0;
  bool immediate_data = false;
};

struct ChannelCounters {
  std::uint64_t commands = 0, errors = 0, read_bytes = 0, written_bytes = 0, unknown_tags = 0;
  std::uint64_t task_functions = 0;
};

// The commands that a channel leaves when it ends.
struct Ended {
  // By deadline: sent and not answered. The target may have performed them, or may still do so.
  CommandList sent;
  CommandList unsent;  // by deadline, then those of a unit that is being reset
};

class Channel {
 public:
  // `number` is the channel's number in its session. It makes the tags unique in the session.
  Channel(const ChannelLimits&, const base::Clock&, UnitEventSink&, UnitResets&, std::uint16_t number);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Takes a resolved endpoint: creates its queues, registers the buffers if the device is new, posts the
  // receives.
  [[nodiscard]] Result<> open(std::unique_ptr<fabric::ActiveEndpoint>);
  // Called after the login. Commands may be sent then.
  void start(const ChannelTerms&);
  [[nodiscard]] bool is_open() const noexcept { return endpoint_ != nullptr; }
  // True if the channel is logged in and has not failed.
  [[nodiscard]] bool is_up() const noexcept { return started_ && !failure_; }
  [[nodiscard]] fabric::ActiveEndpoint& endpoint() const noexcept { return *endpoint_; }
  [[nodiscard]] std::shared_ptr<fabric::Device> device() const noexcept { return buffers_.device(); }
  // Gets the events that units report.
  [[nodiscard]] UnitEventSink& events() const noexcept { return events_; }

  void submit(Command&) noexcept;
  // Submits a keepalive before all other commands. It uses a reserved slot and, unless a function needs it,
  // the reserved credit. So the target can be asked for a sign of life also when commands use all other
  // credits.
  void submit_keepalive(Command&) noexcept;
  void submit(Tmf&) noexcept;
  void take_unsent(CommandList& to) noexcept;  // the commands that are not posted yet
  // Submits a function whose answer may take any time. It does not wait for other functions, and others do
  // not wait for it. Its deadline is ignored, and a confirmed reset ends no commands here. Returns false if
  // there is no room; the function then stays with the caller.
  [[nodiscard]] bool submit_aside(Tmf&) noexcept;
  // The limit of concurrent functions aside; each uses a credit until its answer. Known after start().
  [[nodiscard]] std::uint32_t most_aside() const noexcept;
  void withdraw(Tmf&) noexcept;  // it does not complete, and the caller has it again
  // Posts no command for this unit until unblock(), also on later connections.
  void block(std::uint64_t lun) noexcept { blocked_lun_ = lun; }
  void unblock() noexcept;
  void flush() noexcept;                          // posts commands as far as credits and slots permit
  std::size_t poll() noexcept;                    // takes completions and calls on_complete
  void check_deadlines(base::Time now) noexcept;  // of commands and functions
  // Ends the unit's commands, except our own, as if their deadline were now. They complete with `cancelled`
  // unless the target answers first. Unsent commands complete during the call.
  void abort_unit(std::uint64_t lun) noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;
  [[nodiscard]] const Command* oldest_unanswered() const noexcept { return in_flight_.front(); }
  // How long a command without its own deadline has waited for its answer.
  [[nodiscard]] base::Duration unanswered_for(const Command&) const noexcept;

  // Set when the channel has failed. Its owner must end it then.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }
  void fail(Error) noexcept;
  // The reason of the target's SRP_T_LOGOUT, if there was one.
  [[nodiscard]] const std::optional<wire::LogoutReason>& logged_out() const noexcept { return logged_out_; }

  // Destroys the queue pair. After that nothing can reach buffers of the channel or of its commands.
  // Functions complete with no_connect. The commands are returned to the caller, and none of them completes
  // here. Permitted at any time; a channel that is not open has only unsent commands.
  [[nodiscard]] Ended end() noexcept;
  // Completes a command of this channel. The caller may pass the commands that end() has returned.
  void complete(Command&, Errc) noexcept;
  // Unregisters the buffers until the next open(). Permitted after end().
  void let_device_go() noexcept;

  [[nodiscard]] std::uint32_t outstanding() const noexcept { return slots_.used(); }
  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }
  [[nodiscard]] bool has_sendable() const noexcept;
  [[nodiscard]] base::Time last_heard() const noexcept { return last_heard_; }
  [[nodiscard]] base::Time last_answer() const noexcept { return last_answer_; }
  [[nodiscard]] const ChannelTerms& terms() const noexcept { return terms_; }
  [[nodiscard]] const Credits& credits() const noexcept { return credits_; }
  [[nodiscard]] const ChannelCounters& counters() const noexcept { return counters_; }
  // The limit of descriptors per command: ours, or fewer if the negotiated length has no room for them.
  [[nodiscard]] std::uint32_t usable_segments() const noexcept { return usable_segments_; }
  // The longest request that we may send, for the login.
  [[nodiscard]] std::uint32_t wanted_iu_bytes() const noexcept;
  [[nodiscard]] const ChannelLimits& limits() const noexcept { return limits_; }

 private:
  enum class RescueStep : std::uint8_t { none, abort, reset };
  [[nodiscard]] bool can_post() const noexcept;
  [[nodiscard]] bool can_send_keepalive() const noexcept;
  void prepare(Command&) noexcept;  // adds the command to the batch
  void post() noexcept;             // posts the batch
  void post_alone(std::uint32_t slot, std::size_t bytes) noexcept;
  [[nodiscard]] bool repost_receives() noexcept;
  void on_unit(std::span<const std::byte>) noexcept;
  void on_response(std::span<const std::byte>) noexcept;
  void on_target_request(std::span<const std::byte>);  // may throw std::bad_alloc, but has no effect then
  [[nodiscard]] bool admit_request(RequestRate&, std::uint64_t commands) noexcept;
  void answer(std::span<const std::byte>) noexcept;
  void finish(Command&, Errc) noexcept;
  // rescue.cpp
  void expire_unsent(base::Time now) noexcept;
  void rescue(base::Time now) noexcept;
  static void on_rescue(Tmf&) noexcept;
  void end_unit(std::uint64_t lun) noexcept;
  void release_unanswered(Command&) noexcept;
  void finish_unanswered(Command&, Errc) noexcept;
  // tmf.cpp
  [[nodiscard]] bool can_start_tmf() const noexcept;
  void start_tmf() noexcept;
  void post_tmf(Tmf&, std::uint32_t slot, TmfSlots::Kind) noexcept;
  [[nodiscard]] bool on_tmf_answer(const wire::Response&) noexcept;
  void end_tmf(Tmf&, Errc) noexcept;
  void check_tmf_deadlines(base::Time now) noexcept;
  [[nodiscard]] base::Time next_tmf_deadline() const noexcept;
  void end_all_tmfs() noexcept;

  ChannelLimits limits_;
  const base::Clock& clock_;
  UnitEventSink& events_;
  UnitResets& resets_;
  ChannelTerms terms_;
  std::uint32_t usable_segments_ = 1;
  ChannelCounters counters_;
  Credits credits_;
  std::unique_ptr<fabric::ActiveEndpoint> endpoint_;
  std::optional<Error> failure_;
  std::optional<wire::LogoutReason> logged_out_;
  base::Time last_heard_{};  // time of the peer's last answer or acknowledgement
  // Time of the target's last answer. While a target hangs, its adapter still acknowledges.
  base::Time last_answer_{};
  bool started_ = false;

  Buffers buffers_;
  SendQueue send_queue_;
  SendBatch batch_;                                         // empty between calls
  std::array<fabric::Completion, kPollBatch> completions_;  // of the running poll
  std::vector<std::uint32_t> receives_to_post_;
  base::SlotTable<Command*> slots_;
  CommandList pending_;    // submitted, not posted
  CommandList in_flight_;  // posted, the earliest deadline first
  CommandList blocked_;    // not posted, because their unit is being reset and the reset might end them
  std::optional<std::uint64_t> blocked_lun_;
  TmfList waiting_tmfs_;
  Tmf* active_tmf_ = nullptr;
  TmfSlots tmf_slots_;
  Tmf rescue_;
  RescueStep rescue_step_ = RescueStep::none;  // the step that rescue_ is a part of
  std::uint64_t late_answers_ = 0;             // answers of aborted commands that may still come
  std::uint64_t answers_ = 0;     // answers to target requests, counted to use their slots in turn
  std::uint32_t unanswered_ = 0;  // target requests that came before the answer to the first of them was sent
  RequestRate credit_requests_, event_requests_;
};

}  // namespace srpi::channel
