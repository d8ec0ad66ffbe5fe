// SPDX-License-Identifier: Apache-2.0
#include "session/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "session/memory_table.hpp"
#include "wire/command.hpp"
#include "wire/login.hpp"
#include "wire/lun.hpp"

namespace srpi::session {
namespace {

constexpr std::uint32_t kSmallestIuBytes = SessionOptions::kLeastItIuBytes;  // targets take more
constexpr std::uint64_t kLoginTag = 0x7372706c6f67696eu;  // "srplogin": easy to find in a packet dump

std::uint64_t interface_id(const std::array<std::uint8_t, 16>& gid) {
  std::uint64_t id = 0;
  for (int i = 8; i < 16; ++i) id = id << 8 | gid[static_cast<std::size_t>(i)];
  return id;
}

}  // namespace

bool is_final(Errc e) noexcept {
  return e == Errc::login_rejected || e == Errc::identity_mismatch || e == Errc::evicted ||
         e == Errc::invalid_argument;
}

bool ended_by_target(const fabric::ConnectionEvent& event, const Channel& channel) noexcept {
  if (event.kind != fabric::ConnectionEvent::Kind::disconnected || event.error.code == Errc::device_removed)
    return false;
  return !channel.logged_out() || channel.logged_out() == wire::LogoutReason::multichannel_action;
}

const char* Attempt::describe(Step step) noexcept {
  switch (step) {
    case Step::opening:
      return "opening the connection";
    case Step::resolving:
      return "resolving address and route";
    case Step::logging_in:
      return "waiting for the answer to the login";
    case Step::proving:
      return "asking about the logical units";
    case Step::fencing:
      return "waiting for LOGICAL UNIT RESET to end the writes of an earlier connection";
  }
  return "?";
}

Attempt::Attempt(fabric::Fabric& fabric, const LoginIdentity& identity, const SessionOptions& options,
                 Channel& channel, MemoryTable& memories, Probe& probe, FenceMarks& unfenced,
                 const base::Clock& clock, base::Duration patience, wire::MultiChannel action)
    : fabric_(fabric),
      identity_(identity),
      options_(options),
      channel_(channel),
      memories_(memories),
      probe_(probe),
      unfenced_(unfenced),
      clock_(clock),
      begun_(clock.now()),
      deadline_(begun_ + patience),
      action_(action),
      requested_iu_bytes_(options.max_it_iu_bytes),
      immediate_data_(options.immediate_data) {}

Attempt::~Attempt() {
  probe_.reset();
  channel_.withdraw(reset_);
  if (resolving_) resolving_->abort();
}

fabric::ActiveEndpoint* Attempt::endpoint() const noexcept {
  return resolving_ ? resolving_.get() : channel_.is_open() ? &channel_.endpoint() : nullptr;
}

void Attempt::append_fds(std::vector<int>& fds) const {
  if (auto* e = endpoint()) e->append_fds(fds);
}

Result<> Attempt::open() {
  fabric::ConnectOptions connect;
  connect.retry_count = options_.retry_count;
  connect.ack_timeout_exponent = options_.ack_timeout_exponent;
  auto endpoint = fabric_.open(identity_.target, connect);
  if (!endpoint) return endpoint.error();
  resolving_ = std::move(*endpoint);
  step_ = Step::resolving;
  return {};
}

Result<> Attempt::log_in() {
  const bool compact = resolving_->compact_login();
  initiator_port_id_ = identity_.initiator_port_id.value_or(
      PortId::make(identity_.initiator_ext, interface_id(resolving_->path().source_gid)));
  if (joins() && resolving_->device() != memories_.device())
    return Error{Errc::unreachable,
                 fmt::format("{} is not the session's RDMA device: its memory is not there",
                             resolving_->path().device)};
  if (auto done = memories_.use_device(resolving_->device()); !done) return done;
  if (auto done = channel_.open(std::move(resolving_)); !done) return done;

  wire::LoginRequest request;
  request.tag = kLoginTag;
  request.requested_it_iu_bytes = requested_iu_bytes_;
  request.direct_descriptors = request.indirect_descriptors = true;
  request.multichannel = action_;
  request.immediate_data = immediate_data_;
  request.immediate_data_offset = immediate_data_ ? wire::kImmediateDataOffset : 0;
  request.initiator_port_id = initiator_port_id_;
  request.target_port_id = identity_.target.target_port_id();
  std::array<std::byte, 64> buffer;
  const auto bytes = compact ? wire::encode_compact(request, buffer) : wire::encode(request, buffer);
  step_ = Step::logging_in;
  return channel_.endpoint().connect(std::span(buffer).first(bytes));
}

Result<> Attempt::on_established(const fabric::ConnectionEvent& event) {
  const auto response =
      wire::decode_login_response(std::span(event.private_data).first(event.private_data_bytes));
  if (!response) return response.error();
  if (response->tag != kLoginTag)
    return Error{Errc::protocol_error, "SRP_LOGIN_RSP carries another login's tag"};
  if (response->request_limit < 2)
    return Error{Errc::protocol_error, fmt::format("SRP_LOGIN_RSP grants {} requests; at least 2 are needed",
                                                   response->request_limit)};
  if (response->request_limit > Credits::kMost)
    return Error{Errc::protocol_error,
                 fmt::format("SRP_LOGIN_RSP grants {} requests", response->request_limit)};
  if (response->max_it_iu_bytes < kSmallestIuBytes)
    return Error{Errc::protocol_error,
                 fmt::format("SRP_LOGIN_RSP limits requests to {} bytes; at least {} are needed",
                             response->max_it_iu_bytes, kSmallestIuBytes)};
  if (!response->direct_descriptors || !response->indirect_descriptors)
    return Error{Errc::protocol_error, "SRP_LOGIN_RSP does not support direct and indirect data descriptors"};

  if (joins() && response->multichannel != wire::MultiChannelResult::maintained)
    return Error{Errc::login_no_resources,
                 fmt::format("the target does not know the session's other channels (any more): {}",
                             to_string(response->multichannel))};
  deadline_ = begun_ + options_.connect_timeout;
  ended_another_ = response->multichannel == wire::MultiChannelResult::terminated;
  ChannelTerms terms;
  terms.request_limit = response->request_limit;
  terms.max_it_iu_bytes = std::min(response->max_it_iu_bytes, requested_iu_bytes_);
  terms.immediate_data = immediate_data_ && response->immediate_data;
  channel_.start(terms);
  step_ = Step::proving;
  joins() ? probe_.confirm(channel_) : probe_.start(channel_);
  return {};
}

// Old targets refuse what they do not know: ask for less, then for no immediate data.
bool Attempt::fall_back() {
  const auto without_immediate_data = std::max(channel_.wanted_iu_bytes(), kSmallestIuBytes);
  if (immediate_data_ && requested_iu_bytes_ > without_immediate_data) {
    requested_iu_bytes_ = without_immediate_data;
  } else if (requested_iu_bytes_ > kSmallestIuBytes) {
    requested_iu_bytes_ = std::max(requested_iu_bytes_ / 2, kSmallestIuBytes);
  } else {
    return false;
  }
  immediate_data_ = false;
  return true;
}

AttemptOutcome Attempt::on_rejected(const fabric::ConnectionEvent& event) {
  if (!event.consumer) return {event.error, is_final(event.error.code)};
  const auto reject =
      wire::decode_login_reject(std::span(event.private_data).first(event.private_data_bytes));
  // Some targets reject without saying why in SRP's terms.
  if (!reject) return {{Errc::login_no_resources, "the target rejected the login without a reason"}, false};
  const bool for_now = wire::is_temporary(reject->reason);
  return {{for_now ? Errc::login_no_resources : Errc::login_rejected, wire::to_string(*reject)}, !for_now};
}

std::optional<AttemptOutcome> Attempt::on_event(const fabric::ConnectionEvent& event) {
  using Kind = fabric::ConnectionEvent::Kind;
  const auto ended = [](const Error& e) { return AttemptOutcome{e, is_final(e.code)}; };
  switch (event.kind) {
    case Kind::resolved:
      if (step_ != Step::resolving) return ended({Errc::protocol_error, "resolved twice"});
      if (auto done = log_in(); !done) return ended(done.error());
      return std::nullopt;
    case Kind::established:
      if (step_ != Step::logging_in) return ended({Errc::protocol_error, "established before the login"});
      if (auto done = on_established(event); !done) return ended(done.error());
      return std::nullopt;
    case Kind::rejected: {
      bool again = false;
      if (event.stale && stale_retries_left_ > 0) {
        --stale_retries_left_;
        again = true;
      } else if (event.consumer) {
        const auto reject =
            wire::decode_login_reject(std::span(event.private_data).first(event.private_data_bytes));
        again = reject && reject->reason == wire::RejectReason::request_iu_too_large && fall_back();
      }
      if (!again) return on_rejected(event);
      fail_channel(channel_, clock_.now(), unfenced_);
      step_ = Step::opening;
      return std::nullopt;
    }
    case Kind::failed:
      return ended(event.error);
    case Kind::disconnected: {
      auto outcome = ended(event.error);
      outcome.ended_by_target = ended_another_.has_value() && ended_by_target(event, channel_);
      return outcome;
    }
  }
  return std::nullopt;
}

void Attempt::start_reset(std::uint64_t lun) {
  reset_ = {};
  reset_.function = wire::TaskFunction::lun_reset;
  reset_.lun = lun;
  reset_.deadline = deadline_;
  reset_.owner = this;
  reset_.on_complete = [](Tmf& t) noexcept { static_cast<Attempt*>(t.owner)->reset_answered_ = true; };
  reset_answered_ = false;
  reset_at_ = clock_.now();
  channel_.submit(reset_);
}

// Only after the proof: a reset is nothing to do to a stranger.
std::optional<AttemptOutcome> Attempt::fence() {
  if (step_ == Step::fencing) {
    if (!reset_answered_) return std::nullopt;
    const auto lun = wire::lun_to_string(reset_.lun);
    if (reset_.error != Errc::ok)
      return AttemptOutcome{
          {Errc::connect_timed_out, fmt::format("LUN {}: no answer to LOGICAL UNIT RESET, which has to "
                                                "end what an earlier connection left unanswered",
                                                lun)},
          false};
    if (!reset_.confirmed())
      return AttemptOutcome{
          {Errc::target_error,
           fmt::format(
               "LUN {}: LOGICAL UNIT RESET, which has to end writes that an earlier connection "
               "left unanswered, was answered '{}' (with the option fence turned off it is not asked for)",
               lun, wire::to_string(reset_.result))},
          false};
    unfenced_.units.remove(reset_.lun);
  }
  if (joins()) return AttemptOutcome{};  // what is to be fenced is the nexus' business
  if (std::exchange(unfenced_.all_units, false)) probe_.add_units(unfenced_.units);
  const auto next = next_to_fence(unfenced_.units, probe_);
  if (!options_.fence || !next) return AttemptOutcome{};
  step_ = Step::fencing;
  start_reset(*next);
  channel_.flush();
  return std::nullopt;
}

// The next attempt goes on without a unit that has kept this one waiting; where it was asked for want of any other, with
// those. Another channel's attempt decides nothing.
void Attempt::note_stuck() noexcept {
  if (joins() || channel_.most_aside() == 0) return;
  const auto* question = step_ == Step::proving ? probe_.question() : nullptr;
  if (!question && step_ != Step::fencing) return;
  const auto waited = question ? channel_.unanswered_for(*question) : clock_.now() - reset_at_;
  if (waited < options_.connect_timeout / 4) return;
  const auto lun = question ? question->lun : reset_.lun;
  auto& stuck = probe_.stuck();
  if (stuck.contains(lun)) stuck.clear();
  stuck.add(lun);
}

// An address that is tried last and is silent is not the whole story.
Error Attempt::overdue() const {
  const auto* names = resolving_ ? resolving_->looking_up() : nullptr;
  auto words =
      fmt::format("{} ms were over while {}", std::chrono::ceil<Milliseconds>(deadline_ - begun_).count(),
                  names != nullptr ? "looking up " + *names : describe(step_));
  if (const auto* earlier = resolving_ ? resolving_->passed_over() : nullptr)
    words += ", after " + earlier->detail;
  return {Errc::connect_timed_out, std::move(words)};
}

std::optional<AttemptOutcome> Attempt::poll(std::size_t& work) {
  if (step_ == Step::opening) {
    ++work;
    if (auto done = open(); !done) return AttemptOutcome{done.error(), is_final(done.error().code)};
  }
  if (auto* e = endpoint()) {
    if (const auto event = e->next_event()) {
      ++work;
      if (auto outcome = on_event(*event)) return outcome;
    }
  }
  if (channel_.is_open()) {
    work += channel_.poll();
    channel_.flush();
    if (channel_.failure()) {
      // A failed completion says less than the connection manager may.
      if (const auto event = channel_.endpoint().next_event())
        if (auto outcome = on_event(*event)) return outcome;
      return AttemptOutcome{*channel_.failure(), is_final(channel_.failure()->code),
                            channel_.logged_out() == wire::LogoutReason::multichannel_action};
    }
  }
  if (step_ == Step::proving) {
    if (const auto outcome = probe_.outcome()) {
      ++work;
      if (outcome->has_error()) {
        auto ended = AttemptOutcome{outcome->error(), is_final(outcome->error().code)};
        ended.about_units = true;
        return ended;
      }
      if (auto done = fence()) return done;
    }
  } else if (step_ == Step::fencing) {
    if (auto done = fence()) return done;
  }
  if (clock_.now() < deadline_) return std::nullopt;
  note_stuck();
  return AttemptOutcome{overdue(), false};
}

}  // namespace srpi::session
