// SPDX-License-Identifier: Apache-2.0
// Login: SRP_LOGIN_REQ is the private data of the connection request. The answer is the private data of the
// connection manager's reply or reject.
#include <algorithm>

#include "target/channel.hpp"
#include "target/login_verdict.hpp"
#include "target/nexus.hpp"

namespace srpi::target {

namespace {

constexpr std::uint32_t kMinIuBytes = 64;  // the initiator's longest unit must hold a command

void reject(fabric::PassiveEndpoint& endpoint, std::uint64_t tag, wire::RejectReason reason) {
  std::array<std::byte, wire::kLoginRejectBytes> out;
  wire::encode(
      wire::LoginReject{
          .tag = tag, .reason = reason, .direct_descriptors = true, .indirect_descriptors = true},
      out);
  endpoint.reject(out);
}

}  // namespace

void RamTarget::on_connection_request(std::unique_ptr<fabric::PassiveEndpoint> endpoint) {
  if (!online_) return;
  const LoginVerdict verdict = judge_login(endpoint->request_private_data());
  auto reason = verdict.reason;
  if (!reason) reason = establish(endpoint, verdict);
  if (!reason) return;
  ++counters_.rejects;
  if (endpoint) reject(*endpoint, verdict.request.tag, *reason);
}

LoginVerdict RamTarget::judge_login(std::span<const std::byte> private_data) const {
  LoginVerdict verdict;
  const auto refuse = [&](wire::RejectReason reason) {
    verdict.reason = reason;
    return verdict;
  };
  const bool full_form = private_data.size() >= wire::kLoginRequestBytes;
  const auto request =
      full_form ? wire::decode_login_request(private_data) : wire::decode_compact_login_request(private_data);
  if (!request) return refuse(wire::RejectReason::unable_to_establish);
  verdict.request = *request;
  if (forced_reject_) return refuse(*forced_reject_);
  if (request->target_port_id != config_.port_id) return refuse(wire::RejectReason::cannot_associate);
  if (request->requested_it_iu_bytes < kMinIuBytes || request->requested_it_iu_bytes > config_.max_iu_bytes)
    return refuse(wire::RejectReason::request_iu_too_large);
  if (!request->direct_descriptors && !request->indirect_descriptors)
    return refuse(wire::RejectReason::unsupported_descriptor_format);
  // The standard has no reason for a port without access. Linux's target uses reason 6.
  if (!config_.acl.empty() &&
      std::find(config_.acl.begin(), config_.acl.end(), request->initiator_port_id) == config_.acl.end())
    return refuse(wire::RejectReason::channel_limit_reached);
  if (request->multichannel > wire::MultiChannel::independent)
    return refuse(wire::RejectReason::multichannel_unsupported);

  const Nexus* existing = find_nexus(request->initiator_port_id);
  const bool joins = request->multichannel == wire::MultiChannel::independent && existing;
  if (joins && !config_.multi_channel) return refuse(wire::RejectReason::multichannel_unsupported);
  if (joins && forced_channel_reject_) return refuse(*forced_channel_reject_);
  if (joins && channels_of(request->initiator_port_id) >= config_.max_channels)
    return refuse(wire::RejectReason::channel_limit_reached);
  const auto sessions = static_cast<std::size_t>(std::count_if(
      nexuses_.begin(), nexuses_.end(), [](const auto& n) { return !n->ended && n->channels > 0; }));
  if (!existing && sessions >= config_.max_sessions)
    return refuse(wire::RejectReason::insufficient_resources);

  auto& response = verdict.response;
  response.tag = request->tag;
  response.request_limit = static_cast<std::int32_t>(config_.request_limit);
  response.max_it_iu_bytes = config_.max_iu_bytes;
  response.max_ti_iu_bytes = request->requested_it_iu_bytes;
  response.direct_descriptors = request->direct_descriptors;
  response.indirect_descriptors = request->indirect_descriptors;
  response.solicited_notification = true;
  response.multichannel = joins      ? wire::MultiChannelResult::maintained
                          : existing ? wire::MultiChannelResult::terminated
                                     : wire::MultiChannelResult::none_existed;
  response.immediate_data = config_.immediate_data && request->immediate_data &&
                            request->immediate_data_offset >= wire::kCommandBytes &&
                            request->immediate_data_offset < config_.max_iu_bytes;
  return verdict;
}

// Returns a reject reason, or nullopt on success. The endpoint stays with the caller if it can still be
// rejected.
std::optional<wire::RejectReason> RamTarget::establish(std::unique_ptr<fabric::PassiveEndpoint>& endpoint,
                                                       const LoginVerdict& verdict) {
  const auto& request = verdict.request;
  const auto memory = memory_on(endpoint->device());
  if (!memory) return wire::RejectReason::insufficient_resources;
  if (request.multichannel == wire::MultiChannel::single) end_nexus(request.initiator_port_id);
  Nexus* nexus = config_.channels_are_sessions ? nullptr : find_nexus(request.initiator_port_id);
  if (!nexus) {
    nexus = nexuses_.emplace_back(std::make_unique<Nexus>()).get();
    nexus->initiator = request.initiator_port_id;
    nexus->attentions.resize(units_.size());
    if (config_.login_attention)
      for (auto& attentions : nexus->attentions) attentions.raise(*config_.login_attention);
  }
  auto channel = std::make_unique<Channel>(*this, ++last_channel_, *nexus, **memory, std::move(endpoint));
  auto response = verdict.response;
  const auto prepared = channel->prepare(request, response);
  if (!prepared) {
    reject(channel->endpoint(), request.tag, wire::RejectReason::insufficient_resources);
    return wire::RejectReason::insufficient_resources;
  }
  if (login_hook_) login_hook_(response);
  std::array<std::byte, wire::kLoginResponseBytes> out;
  wire::encode(response, out);
  if (!channel->endpoint().accept(out)) return wire::RejectReason::unable_to_establish;
  ++counters_.logins;
  channels_.push_back(std::move(channel));
  return std::nullopt;
}

Nexus* RamTarget::find_nexus(const PortId& initiator) const noexcept {
  for (const auto& nexus : nexuses_)
    if (!nexus->ended && nexus->channels > 0 && nexus->initiator == initiator) return nexus.get();
  return nullptr;
}

std::uint32_t RamTarget::channels_of(const PortId& initiator) const noexcept {
  std::uint32_t n = 0;
  for (const auto& nexus : nexuses_)
    if (!nexus->ended && nexus->initiator == initiator) n += nexus->channels;
  return n;
}

// Ends the initiator's old channels (I_T nexus loss). They must not change a disk after the new login is
// answered.
void RamTarget::end_nexus(const PortId& initiator) {
  if (config_.login_ends_held_writes)
    std::erase_if(held_writes_, [&](const auto& held) { return held->initiator == initiator; });
  for (const auto& channel : channels_) {
    if (channel->ended() || channel->nexus().initiator != initiator) continue;
    channel->nexus().ended = true;
    for (Slot& slot : channel->slots()) slot.held_write = nullptr;
    // A logout takes time, and meanwhile an RDMA READ could write old data to a disk.
    if (channel->moves_data_out() || !channel->usable()) {
      channel->end();
    } else {
      channel->log_out(wire::LogoutReason::multichannel_action);
      channel->flush();
    }
  }
}

Result<DeviceMemory*> RamTarget::memory_on(const std::shared_ptr<fabric::Device>& device) {
  for (const auto& memory : devices_)
    if (memory->device == device) return memory.get();
  auto memory = std::make_unique<DeviceMemory>();
  memory->device = device;
  for (const auto& unit : units_) {
    auto region = device->register_memory(unit->disk().memory(), fabric::Access::local);
    if (!region) return region.error();
    memory->disks.push_back(std::move(*region));
  }
  return devices_.emplace_back(std::move(memory)).get();
}

}  // namespace srpi::target
