// SPDX-License-Identifier: Apache-2.0
// Faults at random moments: protocol violations of the target, outages, an administrator.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "simulation.hpp"
#include "units.hpp"

namespace srpi::sim {

using std::chrono::milliseconds;

void Simulation::inject_any() {
  std::uint64_t sum = 0;
  for (auto i = static_cast<std::size_t>(kFirstTimedFault); i < kFaults; ++i) sum += plan_.weights[i];
  if (sum == 0) return;
  auto choice = fault_random_.below(sum);
  for (auto i = static_cast<std::size_t>(kFirstTimedFault); i < kFaults; ++i) {
    if (choice < plan_.weights[i]) return inject(static_cast<Fault>(i));
    choice -= plan_.weights[i];
  }
}

void Simulation::inject(Fault fault) {
  if (!session_) return;
  journal_.note(to_string(fault));
  counts_.fired(fault);
  switch (fault) {
    case Fault::unknown_tag:
    case Fault::duplicate_response:
    case Fault::garbage_unit:
    case Fault::oversize_unit:
    case Fault::credit_grow:
    case Fault::credit_shrink:
    case Fault::credit_storm:
    case Fault::credit_overflow: break_units(fault); break;
    case Fault::async_event:
    case Fault::logout:
    case Fault::attention:
    case Fault::drop_connections:
    case Fault::target_offline:
    case Fault::power_failure:
    case Fault::exchange_unit:
    case Fault::unit_away:
    case Fault::unit_hangs:
    case Fault::unit_appears:
    case Fault::unit_vanishes:
    case Fault::odd_answers:
    case Fault::resize:
    case Fault::read_only: break_target_side(fault); break;
    case Fault::login_reject:
    case Fault::bad_login_response:
    case Fault::channel_reject: break_logins(fault); break;
    case Fault::admin_disconnect:
    case Fault::admin_reconnect:
    case Fault::admin_rescan:
    case Fault::admin_erase: administrate(fault); break;
    default: break_network(fault);
  }
  wake();
}

std::uint16_t Simulation::any_lun() noexcept {
  return plan_.target.luns[fault_random_.below(plan_.target.luns.size())].number;
}

std::optional<target::ChannelNumber> Simulation::one_or_all() noexcept {
  const auto channels = target_->channels();
  if (channels.size() < 2 || fault_random_.chance(1, 4)) return std::nullopt;
  return channels[fault_random_.below(channels.size())].number;
}

loopback::ConnectionNumber Simulation::any_connection() noexcept {
  std::vector<loopback::ConnectionNumber> found;
  const auto last = network_.last_connection();
  for (auto n = last; n > 0 && last - n < 16; --n)
    if (network_.find(n, true)) found.push_back(n);
  return found.empty() ? last : found[fault_random_.below(found.size())];
}

void Simulation::break_units(Fault fault) {
  auto& random = fault_random_;
  const auto where = one_or_all();
  const auto answer_to = [&](std::uint64_t tag) {
    wire::Response response;
    response.tag = tag;
    response.request_limit_delta = static_cast<std::int32_t>(random.below(2));
    target_->send_raw(response_unit(response), where);
  };
  switch (fault) {
    case Fault::unknown_tag: return answer_to(random.next() | std::uint64_t{1} << 63);
    // Only for an answered request. A second answer to a request in progress would be a lie that nobody can
    // notice.
    case Fault::duplicate_response: {
      const auto tag = wire_.answered_tag(random.next());
      return answer_to(tag);
    }
    case Fault::garbage_unit: target_->send_raw(garbage(random), where); return;
    case Fault::oversize_unit:
      target_->send_raw(std::vector<std::byte>(1025 + random.below(4096)), where);
      return;
    case Fault::credit_grow:
      target_->send_credit_request(static_cast<std::int32_t>(1 + random.below(4)), where);
      return;
    case Fault::credit_shrink:
      target_->send_credit_request(-static_cast<std::int32_t>(1 + random.below(8)), where);
      return;
    case Fault::credit_storm:
      for (int i = 0; i < 20; ++i) target_->send_credit_request(i % 2 == 0 ? 1 : -1, where);
      return;
    default: target_->send_credit_request(std::numeric_limits<std::int32_t>::max(), where);
  }
}

void Simulation::break_target_side(Fault fault) {
  auto& random = fault_random_;
  static constexpr scsi::AdditionalSense kConditions[] = {
      scsi::kCapacityChanged, scsi::kPowerOnOrReset, scsi::kReportedLunsDataChanged, scsi::kBusDeviceReset,
      scsi::kModeParametersChanged};
  switch (fault) {
    case Fault::async_event:
      target_->send_async_event(
          any_lun(), scsi::make_sense(scsi::SenseKey::unit_attention, scsi::kCapacityChanged), one_or_all());
      return;
    case Fault::logout:
      target_->send_logout(static_cast<wire::LogoutReason>(random.below(10)), one_or_all());
      return;
    case Fault::attention:
      (void)target_->raise_attention(any_lun(), kConditions[random.below(std::size(kConditions))]);
      return;
    case Fault::drop_connections: target_->drop_connections(); return;
    case Fault::target_offline:
      target_->set_online(false);
      return alarm(about(milliseconds(100)), Timer::target_online);
    case Fault::power_failure: return fail_power();
    case Fault::exchange_unit: return exchange_unit();
    case Fault::unit_away: return take_unit_away();
    case Fault::unit_hangs: return hang_unit();
    case Fault::unit_appears: return add_unit();
    case Fault::unit_vanishes: return remove_unit();
    case Fault::odd_answers: return answer_oddly();
    case Fault::resize: {
      const auto& lun = plan_.target.luns[random.below(plan_.target.luns.size())];
      if (target_->disk_bytes(lun.number).size() == lun.bytes && !exchange_)
        (void)target_->resize(lun.number,
                              lun.bytes + lun.block_size * (1 + random.below(lun.bytes / lun.block_size)));
      return;
    }
    default: {
      const auto lun = any_lun();
      (void)target_->set_read_only(lun, true);
      return alarm(about(milliseconds(50)), Timer::writable, lun);
    }
  }
}

void Simulation::fail_power() {
  if (exchange_) return;
  target_->set_online(false);
  target_->lose_caches();
  for (auto& model : models_) {
    model.power_failed();
    workload_->cache_lost(model);
  }
  alarm(about(milliseconds(50)), Timer::target_online);
}

void Simulation::take_unit_away() {
  if (refusal_) return;
  using scsi::SenseKey;
  using target::Outcome;
  static const Outcome kRefusals[] = {Outcome::check_condition(SenseKey::illegal_request, {0x25, 0x00}),
                                      Outcome::check_condition(SenseKey::not_ready, {0x04, 0x03}),
                                      Outcome::check_condition(SenseKey::not_ready, {0x3a, 0x00}),
                                      Outcome::check_condition(SenseKey::not_ready, scsi::kBecomingReady),
                                      Outcome::with_status(scsi::Status::reservation_conflict)};
  // If the unit goes away during a write, a missing fence at its return does harm.
  const bool at_write = target_->held() > 0 && fault_random_.chance(3, 4);
  refusal_ = {at_write ? held_write_ : any_lun(), kRefusals[fault_random_.below(std::size(kRefusals))]};
  // Without a loss, the session may not notice.
  if (at_write || fault_random_.chance(1, 2)) target_->drop_connections();
  alarm(about(milliseconds(at_write ? 20 : 200)), Timer::answer_again);
}

void Simulation::hang_unit() {
  const auto lun = any_lun();
  (void)target_->hang(lun, true);
  if (fault_random_.chance(1, 4)) target_->drop_connections();
  // Sometimes long enough to end a connection and keep the next login waiting.
  const auto& o = plan_.options;
  alarm(about(o.command_timeout + 2 * o.task_management_timeout + o.connect_timeout), Timer::go_on, lun);
}

void Simulation::add_unit() {
  for (const auto& lun : plan_.later) {
    if (!target_->disk_bytes(lun.number).empty()) continue;
    if (!target_->restore_lun(lun.number)) (void)target_->add_lun(lun);
    return;
  }
}

// A unit whose state a timer restores is left alone, because a removed unit takes no change.
void Simulation::remove_unit() {
  const auto n = plan_.later.size() + plan_.target.luns.size();
  const auto i = fault_random_.below(n);
  const auto lun =
      i < plan_.later.size() ? plan_.later[i].number : plan_.target.luns[i - plan_.later.size()].number;
  const auto is_read_only = [&](const Alarm& a) { return a.what == Timer::writable && a.argument == lun; };
  if (exchange_ || std::ranges::any_of(alarms_, is_read_only) || !target_->remove_lun(lun)) return;
  alarm(about(milliseconds(100)), Timer::map_again, lun);
}

void Simulation::exchange_unit() {
  if (exchange_) return;
  // Held writes are written now. After that, the contents must not change.
  target_->release_held();
  const auto lun = any_lun();
  // A session that does not know the unit yet would take the different one, rightly.
  const auto is_it = [lun](const auto& unit) { return unit->info().lun == lun; };
  if (std::ranges::none_of(session_->logical_units(), is_it) || target_->disk_bytes(lun).empty()) return;
  // A unit attention ends one command, but not others that are already sent. So only a session that sends one
  // command at a time can be expected to write nothing.
  const bool told = plan_.options.queue_depth == 1 && plan_.options.channels == 1 && wire_.outstanding() == 0;
  if (!told) target_->drop_connections();
  const auto bytes = target_->disk_bytes(lun);
  exchange_ = {lun, {bytes.begin(), bytes.end()}};
  (void)target_->rename(lun, "another-unit");
  if (told) (void)target_->raise_attention(lun, {0x3f, 0x03});  // INQUIRY data has changed
  alarm(about(milliseconds(200)), Timer::exchange_back);
}

void Simulation::exchange_back() {
  if (!exchange_) return;
  const auto bytes = target_->disk_bytes(exchange_->lun);
  if (!std::equal(bytes.begin(), bytes.end(), exchange_->contents.begin(), exchange_->contents.end()))
    checks_.fail(Checker::disk_contents, "a unit that is not the proved one is left alone",
                 fmt::format("LUN {} was written to", exchange_->lun));
  const auto at = std::find_if(plan_.target.luns.begin(), plan_.target.luns.end(),
                               [&](const auto& lun) { return lun.number == exchange_->lun; });
  // The unit's identity has changed back, so end the connections that have seen the different unit.
  target_->drop_connections();
  (void)target_->rename(exchange_->lun, at->name);
  exchange_.reset();
}

void Simulation::break_logins(Fault fault) {
  auto& random = fault_random_;
  if (fault == Fault::login_reject || fault == Fault::channel_reject) {
    static constexpr std::uint32_t kReasons[] = {0x10000, 0x10001, 0x10002, 0x10003, 0x10004,
                                                 0x10005, 0x10006, 0x10099, 0};
    const auto reason = static_cast<wire::RejectReason>(kReasons[random.below(std::size(kReasons))]);
    if (fault == Fault::login_reject)
      target_->reject_logins(reason);
    else
      target_->reject_further_channels(reason);
    return alarm(about(milliseconds(100)), Timer::accept_logins);
  }
  const auto how = random.below(7);
  target_->set_login_response_hook([how](wire::LoginResponse& response) {
    switch (how) {
      case 0: response.tag ^= 1; break;
      case 1: response.request_limit = 0; break;
      case 2: response.request_limit = -5; break;
      case 3: response.request_limit = std::numeric_limits<std::int32_t>::max(); break;
      case 4: response.max_it_iu_bytes = 47; break;
      case 5: response.direct_descriptors = response.indirect_descriptors = false; break;
      default: response.max_ti_iu_bytes = 0xffffffff; break;
    }
  });
  alarm(about(milliseconds(100)), Timer::good_login_responses);
}

void Simulation::break_network(Fault fault) {
  const auto connection = any_connection();
  switch (fault) {
    case Fault::break_initiator: return network_.break_queue_pair(connection, true, any_error());
    case Fault::break_target: return network_.break_queue_pair(connection, false, any_error());
    case Fault::cm_disconnect: return network_.disconnect(connection, fault_random_.chance(2, 3));
    case Fault::device_removed: return remove_device();
    case Fault::slow_session:
      session_lag_ = about(milliseconds(2));
      return alarm(about(milliseconds(50)), Timer::fast_session);
    case Fault::slow_target:
      target_lag_ = about(milliseconds(2));
      return alarm(about(milliseconds(50)), Timer::fast_target);
    default: return;
  }
}

void Simulation::remove_device() {
  const auto gone = fabric_->device();
  devices_.push_back(network_.add_device(fmt::format("spare{}", ++devices_made_)));
  fabric_->use_device(devices_.back());
  network_.remove_device(*gone);
}

void Simulation::administrate(Fault fault) {
  if (state() == session::State::erased) return;
  const auto submitted = workload_->submitted();
  switch (fault) {
    case Fault::admin_reconnect: (void)session_->reconnect(); return;
    case Fault::admin_rescan: return rescan();
    case Fault::admin_disconnect: (void)session_->disconnect(); break;
    default: session_->erase();
  }
  // Counts only requests from before the call. Later ones complete with the next poll.
  const auto meanwhile = workload_->submitted() - submitted;
  if (workload_->outstanding() > meanwhile)
    checks_.fail(Checker::one_completion, "no request outstanding when disconnect or erase returns",
                 fmt::format("{} of them", workload_->outstanding() - meanwhile));
  session_poll_at_ = clock_.now();
}

void Simulation::rescan() {
  if (rescan_is_under_way_) return;
  rescan_.context = this;
  rescan_.on_complete = [](TaskRequest& r) noexcept {
    auto& self = *static_cast<Simulation*>(r.context);
    if (!self.rescan_is_under_way_)
      self.checks_.fail(Checker::one_completion, "one completion for each rescan", "another");
    self.rescan_is_under_way_ = false;
    self.rescans_ += r.status == Errc::ok;
    self.journal_.note("rescanned", static_cast<std::uint64_t>(r.status));
  };
  rescan_is_under_way_ = session_->rescan(rescan_) == Errc::ok;
  poll_soon();
}

}  // namespace srpi::sim
