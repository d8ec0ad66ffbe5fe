// SPDX-License-Identifier: Apache-2.0
// An RDMA channel: one queue pair and what is under way on it. The data path: no lock, no allocation after
// open, nothing shared with another channel of the session.
//
// Buffers. Request information units live in send slots, one a command, reused when the command's answer has
// come: the target has the unit then. Receive buffers are posted anew in batches after their unit was
// decoded. A command's data belongs to the target from the post until its SRP_RSP or until end(), which
// destroys the queue pair first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/slot_table.hpp"
#include "channel/command.hpp"
#include "channel/credits.hpp"
#include "channel/tmf.hpp"
#include "channel/unit_events.hpp"
#include "channel/unit_resets.hpp"
#include "fabric/endpoint.hpp"
#include "wire/logout.hpp"

namespace srpi::wire {
struct Response;
}

namespace srpi::channel {

// Tmf management functions at the target: the one that is waited for, those that were not answered in time, and
// those that may take for ever.
inline constexpr std::uint32_t kMostAside = 16;
inline constexpr std::uint32_t kTmfSlots = 4 + kMostAside;

struct ChannelLimits {
  std::uint32_t queue_depth = 128;  // commands at the target
  std::uint32_t segments = 32;      // descriptors a command carries
  base::Duration command_timeout{};
  base::Duration task_management_timeout{};
};

// What the login negotiated.
struct ChannelTerms {
  std::int32_t request_limit = 0;
  std::uint32_t max_it_iu_bytes = 0;
  bool immediate_data = false;
};

struct ChannelCounters {
  std::uint64_t commands = 0, errors = 0, read_bytes = 0, written_bytes = 0, unknown_tags = 0;
  std::uint64_t task_functions = 0;
};

// The commands that a channel leaves when it ends, each list in the order of submission.
struct Ended {
  CommandList sent;    // and not answered: the target may have carried them out, or may do so yet
  CommandList unsent;  // the target has not seen them
};

class Channel {
 public:
  // `number`: among the session's, for tags that no other channel of it has.
  Channel(const ChannelLimits&, const base::Clock&, UnitEventSink&, UnitResets&, std::uint16_t number);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Takes a resolved endpoint: makes its queues, registers the buffers where the device is new, posts the receives.
  [[nodiscard]] Result<> open(std::unique_ptr<fabric::ActiveEndpoint>);
  // After the login: commands may go.
  void start(const ChannelTerms&);
  [[nodiscard]] bool is_open() const noexcept { return endpoint_ != nullptr; }
  // Logged in, and nothing wrong with it.
  [[nodiscard]] bool is_up() const noexcept { return started_ && !failure_; }
  [[nodiscard]] fabric::ActiveEndpoint& endpoint() const noexcept { return *endpoint_; }
  [[nodiscard]] std::shared_ptr<fabric::Device> device() const noexcept { return device_; }
  // Whom to tell what a unit says beside the answer to a command.
  [[nodiscard]] UnitEventSink& events() const noexcept { return events_; }

  void submit(Command&) noexcept;
  // The same, past all others, with the credit and the slot that are kept back from them (unless a function
  // needs that credit): so a target can be asked for a sign of life where it has all that it may have.
  void submit_keepalive(Command&) noexcept;
  void submit(Tmf&) noexcept;
  void take_unsent(CommandList& to) noexcept;  // what was submitted and not posted
  // Past those that wait, and without keeping others waiting, for an answer that may take for ever: its deadline does
  // not count, and a reset ends nothing here. False: there is no room for it now, and the function is still the caller's.
  [[nodiscard]] bool submit_aside(Tmf&) noexcept;
  // How many of them at a time: they keep their credits. Known after start.
  [[nodiscard]] std::uint32_t most_aside() const noexcept;
  void withdraw(Tmf&) noexcept;  // never completes then; it is the caller's again
  // No command for this unit is posted from here on until unblock; over the end of connections, too.
  void block(std::uint64_t lun) noexcept { blocked_lun_ = lun; }
  void unblock() noexcept;
  void flush() noexcept;                          // posts what credits and slots permit
  std::size_t poll() noexcept;                    // completions taken; calls on_complete
  void check_deadlines(base::Time now) noexcept;  // of commands and functions
  // As if the deadline of all the unit's commands were now; they complete with `cancelled`, unless answered.
  // Those that were not sent yet complete from within.
  void abort_unit(std::uint64_t lun) noexcept;
  [[nodiscard]] base::Time next_deadline() const noexcept;
  // For how long a command, with no deadline of its own, has been without an answer.
  [[nodiscard]] base::Duration unanswered_for(const Command&) const noexcept;

  // Set once the channel is beyond use: its owner must end it.
  [[nodiscard]] const std::optional<Error>& failure() const noexcept { return failure_; }
  void fail(Error) noexcept;
  // Why the target logged us out, if it did.
  [[nodiscard]] const std::optional<wire::LogoutReason>& logged_out() const noexcept { return logged_out_; }

  // Destroys the queue pair: from here on nothing reaches any buffer of the channel or of its commands. Functions
  // complete with no_connect; the commands are the caller's again, and none of them completes here. Permitted at any
  // time; a channel that is not open has at most commands that were not sent.
  [[nodiscard]] Ended end() noexcept;
  // Completes a command of this channel: the caller one that end() has returned.
  void complete(Command&, Errc) noexcept;
  // Of a channel that has ended: its buffers are unregistered, until it is opened again.
  void let_device_go() noexcept;

  [[nodiscard]] std::uint32_t outstanding() const noexcept { return slots_.used(); }
  [[nodiscard]] bool has_pending() const noexcept { return !pending_.empty(); }
  [[nodiscard]] bool has_sendable() const noexcept;
  [[nodiscard]] base::Time last_heard() const noexcept { return last_heard_; }
  [[nodiscard]] base::Time last_answer() const noexcept { return last_answer_; }
  [[nodiscard]] const ChannelTerms& terms() const noexcept { return terms_; }
  [[nodiscard]] const Credits& credits() const noexcept { return credits_; }
  [[nodiscard]] const ChannelCounters& counters() const noexcept { return counters_; }
  // Descriptors that a command may carry: ours, or fewer where the negotiated length has no room for them.
  [[nodiscard]] std::uint32_t usable_segments() const noexcept { return usable_segments_; }
  // Longest request we may want to send; for the login.
  [[nodiscard]] std::uint32_t wanted_iu_bytes() const noexcept;
  [[nodiscard]] const ChannelLimits& limits() const noexcept { return limits_; }

 private:
  static constexpr std::uint64_t kNoLun = ~std::uint64_t{0};
  struct PostBatch;
  struct TmfSlot {
    Tmf* tmf = nullptr;  // null while taken: nobody waits for the answer any more
    std::uint32_t generation = 0;
    bool taken = false;
    bool aside = false;
  };
  [[nodiscard]] Result<> allocate_buffers(fabric::Device&);
  [[nodiscard]] std::byte* send_buffer(std::uint32_t slot) noexcept;
  [[nodiscard]] std::byte* receive_buffer(std::uint32_t index) noexcept;
  [[nodiscard]] bool can_post() const noexcept;
  [[nodiscard]] bool can_send_keepalive() const noexcept;
  void prepare(Command&, PostBatch&) noexcept;
  void post(PostBatch&) noexcept;
  void post_alone(std::uint32_t slot, std::size_t bytes) noexcept;
  [[nodiscard]] bool repost_receives() noexcept;
  void on_send_completion(std::uint64_t id) noexcept;
  void on_unit(std::span<const std::byte>) noexcept;
  void on_response(std::span<const std::byte>) noexcept;
  void on_target_request(std::span<const std::byte>);  // throws std::bad_alloc, before it has done anything
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
  void post_tmf(Tmf&, std::uint32_t slot) noexcept;
  [[nodiscard]] bool on_tmf_answer(const wire::Response&) noexcept;
  void end_tmf(Tmf&, Errc) noexcept;
  void check_tmf_deadlines(base::Time now) noexcept;
  [[nodiscard]] base::Time next_tmf_deadline() const noexcept;
  void end_all_tmfs() noexcept;

  ChannelLimits limits_;
  const base::Clock& clock_;
  UnitEventSink& events_;
  UnitResets& resets_;
  const std::uint16_t number_;
  ChannelTerms terms_;
  std::uint32_t usable_segments_ = 1;
  ChannelCounters counters_;
  Credits credits_;
  std::unique_ptr<fabric::ActiveEndpoint> endpoint_;
  std::optional<Error> failure_;
  std::optional<wire::LogoutReason> logged_out_;
  base::Time last_heard_{};   // acknowledgements count
  base::Time last_answer_{};  // the target itself; an adapter acknowledges for one that hangs, too
  bool started_ = false;

  // Registered buffers: kept while the device stays the same.
  std::shared_ptr<fabric::Device> device_;
  std::vector<std::byte> memory_;
  std::unique_ptr<fabric::MemoryRegion> region_;

  base::SlotTable<Command*> slots_;
  CommandList pending_;    // submitted, not posted
  CommandList in_flight_;  // posted, oldest first
  CommandList blocked_;    // submitted; their unit is being reset, which could take them for older ones
  std::uint64_t blocked_lun_ = kNoLun;
  TmfList waiting_tmfs_;
  Tmf* active_tmf_ = nullptr;
  std::array<TmfSlot, kTmfSlots> tmf_slots_;
  Tmf rescue_;
  bool rescuing_ = false;
  std::uint64_t late_answers_ = 0;      // of aborted commands, which may or may not come
  std::uint32_t sends_posted_ = 0;      // send queue entries not known to be free
  std::uint32_t sends_unsignaled_ = 0;  // since the last signaled one
  std::uint64_t answers_ = 0;           // to target requests, for their slots in turn
  std::vector<std::uint32_t> receives_to_post_;
};

}  // namespace srpi::channel
