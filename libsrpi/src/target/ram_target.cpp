// SPDX-License-Identifier: Apache-2.0
// The target as a whole: its units, its sessions, the operator's actions. Login is in login.cpp, requests are
// in channel.cpp.
#include "target/ram_target.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "scsi/report_luns.hpp"
#include "target/channel.hpp"
#include "target/nexus.hpp"
#include "wire/lun.hpp"

namespace srpi::target {

namespace {
constexpr std::size_t kMaxRawBytes = 65536;
}

RamTarget::RamTarget(TargetConfig config) : config_(std::move(config)), hook_(flood_hook(config_.flood)) {}

RamTarget::~RamTarget() {
  for (const auto& channel : channels_) channel->end();
  functions_.clear();
  channels_.clear();
}

Result<std::unique_ptr<RamTarget>> RamTarget::create(TargetConfig config) {
  const auto outside = [](const char* field, std::uint64_t value, const char* range) {
    return Error{Errc::invalid_argument, fmt::format("{} {}: must be {}", field, value, range)};
  };
  if (config.request_limit == 0 || config.request_limit > 1024)
    return outside("request_limit", config.request_limit, "1 to 1024");
  if (config.max_iu_bytes < 64 || config.max_iu_bytes > 65536)
    return outside("max_iu_bytes", config.max_iu_bytes, "64 to 65536");
  if (config.max_channels == 0) return outside("max_channels", 0, "1 at least");
  if (config.max_sessions == 0) return outside("max_sessions", 0, "1 at least");
  const std::vector<LunConfig> luns = config.luns;
  std::unique_ptr<RamTarget> target(new RamTarget(std::move(config)));
  for (const auto& lun : luns)
    if (auto added = target->add_lun(lun); !added) return added.error();
  return target;
}

std::size_t RamTarget::poll() {
  std::size_t done = 0;
  // No channel is added meanwhile, and ended channels are removed after the loop.
  for (std::size_t i = 0; i < channels_.size(); ++i) done += channels_[i]->poll();
  if (config_.flood != RamFlood::none) done += flood();
  forget_ended_channels();
  return done;
}

void RamTarget::forget_ended_channels() {
  if (std::none_of(channels_.begin(), channels_.end(), [](const auto& c) { return c->ended(); })) return;
  // A held write with all its data outlives its channel. An incomplete one is dropped.
  std::erase_if(held_writes_, [&](const auto& held) {
    return !held->complete && std::none_of(channels_.begin(), channels_.end(), [&](const auto& c) {
      return c->number() == held->channel && !c->ended();
    });
  });
  std::erase_if(channels_, [](const auto& c) { return c->ended(); });
  std::erase_if(nexuses_, [](const auto& n) { return n->channels == 0; });
}

void RamTarget::set_online(bool online) {
  online_ = online;
  if (!online) drop_connections();
}

void RamTarget::drop_connections() {
  for (const auto& channel : channels_) channel->end();
  forget_ended_channels();
}

std::size_t RamTarget::held() const noexcept {
  std::size_t n = static_cast<std::size_t>(
      std::count_if(held_writes_.begin(), held_writes_.end(), [](const auto& h) { return h->complete; }));
  for (const auto& channel : channels_)
    for (const Slot& slot : channel->slots()) n += slot.stage == Slot::Stage::held;
  return n;
}

template<class Waits>
std::pair<Channel*, std::uint32_t> RamTarget::earliest(Waits waits) const noexcept {
  // A function comes after the last command before it.
  const auto order = [](const Slot& s) { return 2 * s.order + (s.stage == Slot::Stage::hung_function); };
  std::pair<Channel*, std::uint32_t> found{nullptr, 0};
  for (const auto& channel : channels_) {
    auto& slots = channel->slots();
    for (std::uint32_t i = 0; channel->usable() && i < slots.size(); ++i) {
      if (!waits(slots[i])) continue;
      if (!found.first || order(slots[i]) < order(found.first->slots()[found.second]))
        found = {channel.get(), i};
    }
  }
  return found;
}

std::size_t RamTarget::release_held(std::size_t at_most) {
  std::size_t released = 0;
  for (; released < at_most; ++released) {
    // First the held commands of the channels, then the held writes.
    const auto [channel, slot] = earliest([](const Slot& s) { return s.stage == Slot::Stage::held; });
    if (channel) {
      channel->release(slot);
      channel->flush();
      continue;
    }
    const auto held =
        std::find_if(held_writes_.begin(), held_writes_.end(), [](const auto& h) { return h->complete; });
    if (held == held_writes_.end()) break;
    apply_held_write(**held);
    held_writes_.erase(held);
  }
  return released;
}

Result<> RamTarget::hang(std::uint16_t lun, bool hangs) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  (*unit)->set_hanging(hangs);
  while (!hangs) {
    const auto [channel, slot] = earliest([&](const Slot& s) {
      return (s.stage == Slot::Stage::hung || s.stage == Slot::Stage::hung_function) && s.unit == *unit;
    });
    if (!channel) break;
    channel->take_up(slot);
    channel->flush();
  }
  return {};
}

HeldWrite* RamTarget::hold_write(Channel& channel, std::uint32_t slot, std::uint32_t bytes) {
  const Slot& s = channel.slots()[slot];
  auto held = std::make_unique<HeldWrite>();
  held->initiator = channel.nexus().initiator;
  held->channel = channel.number();
  held->slot = slot;
  held->unit = s.unit;
  held->lba = s.cdb.lba;
  held->blocks = s.cdb.blocks;
  held->fua = s.cdb.fua;
  held->data.resize(std::max<std::size_t>(bytes, 1));
  auto region = channel.endpoint().device()->register_memory(held->data, fabric::Access::local);
  if (!region) return nullptr;
  held->region = std::move(*region);
  return held_writes_.emplace_back(std::move(held)).get();
}

void RamTarget::apply_held_write(const HeldWrite& held) {
  Disk& disk = held.unit->disk();
  if (disk.contains(held.lba, held.blocks)) {
    std::copy_n(held.data.begin(), std::size_t{held.blocks} * disk.block_size(), disk.at(held.lba));
    disk.written(held.lba, held.blocks, held.fua);
  }
  for (const auto& channel : channels_) {
    if (channel->number() != held.channel || !channel->usable()) continue;
    channel->complete_held_write(held.slot);
    channel->flush();
  }
}

template<class Visit>
std::size_t RamTarget::on_channels(std::optional<ChannelNumber> only, Visit visit) {
  std::size_t n = 0;
  for (const auto& channel : channels_) {
    if (!channel->usable() || (only && channel->number() != *only)) continue;
    visit(*channel);
    channel->flush();
    ++n;
  }
  return n;
}

std::size_t RamTarget::send_logout(wire::LogoutReason reason, std::optional<ChannelNumber> only) {
  return on_channels(only, [&](Channel& channel) { channel.log_out(reason); });
}

std::size_t RamTarget::send_credit_request(std::int32_t delta, std::optional<ChannelNumber> only) {
  return on_channels(only, [&](Channel& channel) { channel.request_credit(delta); });
}

std::size_t RamTarget::send_async_event(std::uint16_t lun, const scsi::Sense& sense,
                                        std::optional<ChannelNumber> only) {
  return on_channels(
      only, [&](Channel& channel) { channel.request_async_event(wire::lun_from_number(lun), sense); });
}

std::size_t RamTarget::send_raw(std::span<const std::byte> unit, std::optional<ChannelNumber> only) {
  return on_channels(
      only, [&](Channel& channel) { channel.send_raw(unit.first(std::min(unit.size(), kMaxRawBytes))); });
}

Result<> RamTarget::add_lun(const LunConfig& lun) {
  if (lun.number < by_number_.size() && by_number_[lun.number])
    return Error{Errc::already_exists, fmt::format("LUN {} exists already", lun.number)};
  auto unit = LogicalUnit::create(lun, config_, units_.size());
  if (!unit) return unit.error();
  std::vector<std::unique_ptr<fabric::MemoryRegion>> regions;
  for (const auto& memory : devices_) {
    auto region = memory->device->register_memory((*unit)->disk().memory(), fabric::Access::local);
    // A removed device has no channels and gets no new ones.
    if (!region && region.error().code != Errc::device_removed) return region.error();
    regions.push_back(region ? std::move(*region) : nullptr);
  }
  for (std::size_t i = 0; i < devices_.size(); ++i) devices_[i]->disks.push_back(std::move(regions[i]));
  by_number_[lun.number] = units_.emplace_back(std::move(*unit)).get();
  for (const auto& nexus : nexuses_) nexus->attentions.resize(units_.size());
  attend(nullptr, scsi::kReportedLunsDataChanged);
  return {};
}

Result<> RamTarget::remove_lun(std::uint16_t lun) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  (void)hang(lun, false);
  by_number_[lun] = nullptr;
  attend(nullptr, scsi::kReportedLunsDataChanged);
  return {};
}

Result<> RamTarget::restore_lun(std::uint16_t lun) {
  const auto last = std::ranges::find(units_.rbegin(), units_.rend(), lun, &LogicalUnit::number);
  if (last == units_.rend())
    return Error{Errc::no_such_lun, fmt::format("the target never had a LUN {}", lun)};
  if (by_number_[lun]) return Error{Errc::already_exists, fmt::format("LUN {} exists already", lun)};
  by_number_[lun] = last->get();
  attend(nullptr, scsi::kReportedLunsDataChanged);
  return {};
}

Result<> RamTarget::resize(std::uint16_t lun, std::uint64_t bytes) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  if (auto resized = (*unit)->disk().resize(bytes); !resized) return resized;
  attend(*unit, scsi::kCapacityChanged);
  return {};
}

Result<> RamTarget::set_read_only(std::uint16_t lun, bool read_only) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  (*unit)->set_read_only(read_only);
  attend(*unit, scsi::kModeParametersChanged);
  return {};
}

Result<> RamTarget::rename(std::uint16_t lun, const std::string& name) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  (*unit)->rename(name);
  return {};
}

Result<> RamTarget::raise_attention(std::uint16_t lun, scsi::AdditionalSense condition) {
  const auto unit = unit_numbered(lun);
  if (!unit) return unit.error();
  attend(*unit, condition);
  return {};
}

void RamTarget::lose_caches() noexcept {
  for (const auto& unit : units_) lose_cache(unit->number());
}

// Data that is moving lands in the cache. The channels make these writes fail later.
void RamTarget::lose_cache(std::uint16_t lun) noexcept {
  const auto unit = lun < by_number_.size() ? by_number_[lun] : nullptr;
  if (!unit) return;
  unit->disk().lose_cache();
  for (const auto& channel : channels_) channel->lose_cache(*unit);
}

std::span<std::byte> RamTarget::disk_bytes(std::uint16_t lun) const noexcept {
  const auto unit = lun < by_number_.size() ? by_number_[lun] : nullptr;
  return unit ? unit->disk().bytes() : std::span<std::byte>{};
}

std::vector<ChannelInfo> RamTarget::channels() const {
  std::vector<ChannelInfo> out;
  for (const auto& channel : channels_)
    if (!channel->ended()) out.push_back(channel->info());
  return out;
}

LogicalUnit* RamTarget::unit_at(std::uint64_t wire_lun) const noexcept {
  const auto number = wire::lun_number(wire_lun);
  return number && *number < by_number_.size() ? by_number_[*number] : nullptr;
}

Result<LogicalUnit*> RamTarget::unit_numbered(std::uint16_t lun) const {
  if (lun < by_number_.size() && by_number_[lun]) return by_number_[lun];
  return Error{Errc::no_such_lun, fmt::format("the target has no LUN {}", lun)};
}

void RamTarget::attend(const LogicalUnit* unit, scsi::AdditionalSense condition, const Nexus* but) {
  for (const auto& nexus : nexuses_) {
    if (nexus.get() == but) continue;
    for (std::size_t i = 0; i < nexus->attentions.size(); ++i)
      if (!unit || unit->index() == i) nexus->attentions[i].raise(condition);
  }
}

std::vector<std::uint8_t> RamTarget::report_luns(std::uint8_t select) const {
  std::vector<scsi::Lun> luns;
  // 1 selects well-known units only, and we have none. 0 and 2 select all our units (SPC-4 6.33).
  if (select != 1)
    for (std::uint16_t i = 0; i <= kMostLun; ++i)
      if (by_number_[i]) luns.push_back(scsi::lun_of(i));
  return scsi::encode_report_luns(luns);
}

}  // namespace srpi::target
