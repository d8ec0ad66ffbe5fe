// SPDX-License-Identifier: Apache-2.0
// Task management functions. One runs at a time. Functions have their own credit, send slots and tags. In
// addition, a few functions run aside: their answers may take any time.
#include <algorithm>

#include "base/check.hpp"
#include "channel/channel.hpp"
#include "channel/layout.hpp"
#include "wire/response.hpp"

namespace srpi::channel {
void Channel::submit(Tmf& tmf) noexcept {
  tmf.error = Errc::ok;
  waiting_tmfs_.push_back(tmf);
}

bool Channel::can_start_tmf() const noexcept {
  return !active_tmf_ && !waiting_tmfs_.empty() && credits_.for_task_management() &&
         send_queue_.has_room(kAnswerSlots) && tmf_slots_.free_slot();
}

void Channel::start_tmf() noexcept {
  if (!can_start_tmf()) return;
  active_tmf_ = waiting_tmfs_.pop_front();
  post_tmf(*active_tmf_, *tmf_slots_.free_slot(), TmfSlots::Kind::in_turn);
}

void Channel::post_tmf(Tmf& tmf, std::uint32_t index, TmfSlots::Kind kind) noexcept {
  credits_.spend();
  ++counters_.task_functions;

  wire::TaskManagement unit;
  unit.tag = tmf_slots_.take(index, tmf, kind);
  unit.lun = tmf.lun;
  unit.function = tmf.function;
  unit.task_tag = tmf.task_tag;
  const auto slot = command_slots(limits_) + kAnswerSlots + index;
  post_alone(slot, wire::encode(unit, buffers_.send_slot(slot)));
}

// Half of the credits for I/O, but not the last one.
std::uint32_t Channel::most_aside() const noexcept {
  return std::min(kMostAside, static_cast<std::uint32_t>(std::max(terms_.request_limit - 1, 0)) / 2);
}

bool Channel::submit_aside(Tmf& tmf) noexcept {
  const auto slot = tmf_slots_.free_slot();
  if (!is_up() || tmf_slots_.count_aside() >= most_aside() || !slot || !credits_.for_command() ||
      !send_queue_.has_room(kAnswerSlots))
    return false;
  tmf.error = Errc::ok;
  post_tmf(tmf, *slot, TmfSlots::Kind::aside);
  return true;
}

bool Channel::on_tmf_answer(const wire::Response& response) noexcept {
  const auto answered = tmf_slots_.take_answered(response.tag);
  if (!answered) return false;
  auto* const tmf = answered->tmf;
  if (!tmf) return true;  // too late: the function was withdrawn or timed out
  // An answer without response data confirms nothing.
  tmf->result = response.task_result().value_or(wire::TaskResult::failed);
  // Commands were not blocked during a function aside, so they may be newer than the reset.
  if (answered->kind == TmfSlots::Kind::aside)
    tmf->on_complete(*tmf);
  else
    end_tmf(*tmf, Errc::ok);
  return true;
}

void Channel::end_tmf(Tmf& tmf, Errc error) noexcept {
  if (active_tmf_ == &tmf) active_tmf_ = nullptr;
  tmf.error = error;
  if (tmf.function == wire::TaskFunction::lun_reset && tmf.confirmed()) end_unit(tmf.lun);
  tmf.on_complete(tmf);
}

void Channel::unblock() noexcept {
  blocked_lun_.reset();
  while (auto* c = blocked_.pop_front()) insert_by_deadline(pending_, *c);
}

void Channel::withdraw(Tmf& tmf) noexcept {
  remove(waiting_tmfs_, tmf);
  if (active_tmf_ == &tmf) active_tmf_ = nullptr;
  tmf_slots_.forget(tmf);
}

void Channel::check_tmf_deadlines(base::Time now) noexcept {
  if (active_tmf_ && active_tmf_->deadline <= now) {
    auto& late = *active_tmf_;
    withdraw(late);
    end_tmf(late, Errc::timed_out);
  }
  auto ended = waiting_tmfs_.take_if([now](const Tmf& t) { return t.deadline <= now; });
  while (auto* t = ended.pop_front()) end_tmf(*t, Errc::timed_out);
}

base::Time Channel::next_tmf_deadline() const noexcept {
  return std::min(active_tmf_ ? active_tmf_->deadline : base::kNever, channel::next_deadline(waiting_tmfs_));
}

void Channel::end_all_tmfs() noexcept {
  if (std::exchange(rescue_step_, RescueStep::none) != RescueStep::none) {
    resets_.withdraw(rescue_);
    withdraw(rescue_);
  }
  TmfList ended;
  if (active_tmf_) ended.push_back(*active_tmf_);
  ended.append(waiting_tmfs_);
  auto aside = tmf_slots_.end();
  ended.append(aside);
  while (auto* t = ended.pop_front()) end_tmf(*t, Errc::no_connect);
}

}  // namespace srpi::channel
