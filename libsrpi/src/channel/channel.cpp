// SPDX-License-Identifier: Apache-2.0
// A channel's buffers, opening, deadlines and end. Sending and receiving have their own files.
#include "channel/channel.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "channel/layout.hpp"
#include "srpi/session_options.hpp"

namespace srpi::channel {

Channel::Channel(const ChannelLimits& limits, const base::Clock& clock, UnitEventSink& events,
                 UnitResets& resets, std::uint16_t number)
    : limits_(limits),
      clock_(clock),
      events_(events),
      resets_(resets),
      buffers_(limits),
      send_queue_(send_depth(limits)),
      slots_(command_slots(limits), number),
      tmf_slots_(number) {
  receives_to_post_.reserve(receive_count(limits_));
}

Channel::~Channel() {
  const auto [sent, unsent] = end();
  SRPI_CHECK(sent.empty() && unsent.empty());  // the owner must end the channel and take its commands first
}

std::uint32_t Channel::wanted_iu_bytes() const noexcept { return send_slot_bytes(limits_); }

Result<> Channel::open(std::unique_ptr<fabric::ActiveEndpoint> endpoint) {
  SRPI_CHECK(!endpoint_);
  endpoint_ = std::move(endpoint);
  failure_.reset();
  logged_out_.reset();
  started_ = false;
  send_queue_.reset();

  if (auto done = buffers_.use_device(endpoint_->device()); !done) return done;
  fabric::QueueLimits queues;
  queues.send_depth = send_depth(limits_);
  queues.receive_depth = receive_count(limits_);
  queues.send_sges = 2;
  queues.inline_bytes = kInlineBytes;
  if (auto done = endpoint_->create_queues(queues); !done) return done;

  receives_to_post_.clear();
  for (std::uint32_t i = 0; i < receive_count(limits_); ++i) receives_to_post_.push_back(i);
  if (!repost_receives()) return *failure_;
  return {};
}

void Channel::start(const ChannelTerms& terms) {
  SRPI_CHECK(endpoint_ && !started_);
  static_assert(SessionOptions::kLeastItIuBytes == kCommandBytes + kIndirectHeaderBytes + kDescriptorBytes);
  SRPI_CHECK(terms.max_it_iu_bytes >= SessionOptions::kLeastItIuBytes);
  terms_ = terms;
  usable_segments_ = std::min(
      limits_.segments, (terms.max_it_iu_bytes - kCommandBytes - kIndirectHeaderBytes) / kDescriptorBytes);
  credits_.reset(terms.request_limit);
  last_heard_ = last_answer_ = clock_.now();
  started_ = true;
}

void Channel::submit(Command& command) noexcept {
  command.error = Errc::ok;
  command.status = scsi::Status::good;
  command.residual_bytes = 0;
  command.sense_bytes = 0;
  command.internal.deadline =
      command.deadline != base::kNever ? command.deadline : clock_.now() + limits_.command_timeout;
  command.internal.end_error = Errc::timed_out;
  command.internal.abort_refused = false;
  insert_by_deadline(pending_, command);
}

base::Time Channel::next_deadline() const noexcept {
  auto next = next_tmf_deadline();
  for (const auto* list : {&pending_, &blocked_})
    if (list->front()) next = std::min(next, list->front()->internal.deadline);
  // While a rescue runs, its function has its own deadline.
  if (const auto* oldest = in_flight_.front())
    next = std::min(next, oldest->internal.deadline + (rescue_step_ != RescueStep::none
                                                           ? 2 * limits_.task_management_timeout
                                                           : base::Duration{}));
  return next;
}

base::Duration Channel::unanswered_for(const Command& command) const noexcept {
  return clock_.now() - (command.internal.deadline - limits_.command_timeout);
}

void Channel::fail(Error error) noexcept {
  if (!failure_) failure_ = std::move(error);  // the first error is the cause, later ones are consequences
}

void Channel::take_unsent(CommandList& to) noexcept {
  to.append(pending_);
  to.append(blocked_);
}

Ended Channel::end() noexcept {
  if (endpoint_) {
    endpoint_->abort();  // now nothing can reach our buffers
    endpoint_.reset();
  }
  started_ = false;
  late_answers_ = 0;
  Ended ended;
  for (const auto& command : in_flight_) slots_.release(command.internal.slot);
  ended.sent.append(in_flight_);
  take_unsent(ended.unsent);
  end_all_tmfs();
  return ended;
}

void Channel::let_device_go() noexcept {
  SRPI_CHECK(!endpoint_);
  buffers_.let_device_go();
}

}  // namespace srpi::channel
