// SPDX-License-Identifier: Apache-2.0
#include "export/nbd_devices.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "frontend/nbd/serve.hpp"

namespace srp_nbd {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeoutSlack{20};
// The shortest wait for a device that somebody has open, because udev probes a device that was just
// disconnected. The longest wait is the rest of connect_timeout.
constexpr std::chrono::seconds kBusyWait{1};

Failure withdrawn() { return {"cancelled", "withdrawn while it was published"}; }

// The export may be destroyed meanwhile.
awaitable<Outcome<>> disconnect(KernelDeviceManager& kernel, std::string session, KernelDevice device) {
  const auto gone = co_await kernel.disconnect(device);
  if (gone) co_return gone;
  const auto& why = gone.error();
  spdlog::error("{}: {} stays behind: {}", session, device.path, why.message);
  co_return Failure{why.code, fmt::format("{} could not be disconnected: {}; it answers with errors now, and "
                                          "`nbd-client -d {}` removes it",
                                          device.path, why.message, device.path)};
}

}  // namespace

std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions& options) {
  return std::chrono::ceil<std::chrono::seconds>(options.longest_request()) + kTimeoutSlack;
}

NbdDevices::NbdDevices(Executor executor, KernelDeviceManager& kernel, Lane& lane, NbdDevicesOptions options)
    : executor_(std::move(executor)), kernel_(kernel), lane_(lane), options_(std::move(options)) {}

NbdDevices::~NbdDevices() {
  for (const auto& unit : units_)
    if (unit.device) spawn(executor_, disconnect(kernel_, options_.session_name, *unit.device));
}

awaitable<Outcome<>> NbdDevices::publish(std::vector<srpi::LogicalUnitInfo> infos) {
  const auto self = shared_from_this();
  if (auto good = check(infos); !good) co_return good.error();
  give_up_ = std::stop_source();
  publishing_.emplace(executor_);
  for (auto& info : infos) units_.emplace_back().info = std::move(info);

  Outcome<> outcome;
  for (const bool is_chosen : {true, false})
    for (auto& unit : units_)
      if (outcome && index_of(unit).has_value() == is_chosen) outcome = co_await connect(unit);
  if (outcome) outcome = co_await ask_lane(0);
  if (outcome && give_up_.stop_requested()) outcome = withdrawn();

  std::exchange(publishing_, std::nullopt)->give({});
  if (!outcome) (void)co_await withdraw();
  co_return outcome;
}

Outcome<> NbdDevices::check(const std::vector<srpi::LogicalUnitInfo>& infos) const {
  if (options_.indices.contains(std::nullopt) && infos.size() != 1)
    return Failure{
        "invalid_argument",
        fmt::format("--device names one device, and the target has {} logical units: choose one with "
                    "--lun, give each its device by --device LUN=/dev/nbdN, or leave --device out",
                    infos.size())};
  for (const auto& [lun, index] : options_.indices)
    if (lun && std::ranges::find(infos, *lun, &srpi::LogicalUnitInfo::lun) == infos.end())
      spdlog::warn("{}: there is no lun {} for /dev/nbd{}", options_.session_name, *lun, index);
  return check_room(infos.size());
}

Outcome<> NbdDevices::check_room(std::size_t units) const {
  // The lane could not serve more devices.
  const auto most = lane_.options().max_connections;
  if (units > most)
    return Failure{
        "too_large",
        fmt::format("the target has {} logical units, and a session takes {} kernel devices at most: "
                    "choose units with --lun, in several sessions, or serve them with --listen",
                    units, most)};
  return {};
}

awaitable<Outcome<>> NbdDevices::add(srpi::LogicalUnitInfo info) {
  const auto self = shared_from_this();
  if (give_up_.stop_requested()) co_return withdrawn();
  if (auto good = check_room(units_.size() + 1); !good) co_return good.error();
  publishing_.emplace(executor_);
  auto& unit = units_.emplace_back();
  unit.info = std::move(info);
  auto outcome = co_await connect(unit);
  if (outcome) outcome = co_await ask_lane(units_.size() - 1);
  if (outcome && give_up_.stop_requested()) outcome = withdrawn();
  if (!outcome && !give_up_.stop_requested()) co_await take_back_last();
  std::exchange(publishing_, std::nullopt)->give({});
  co_return outcome;
}

awaitable<void> NbdDevices::take_back_last() {
  if (const auto device = std::exchange(units_.back().device, std::nullopt))
    (void)co_await disconnect(kernel_, options_.session_name, *device);
  lane_.drop(units_.back().connection_id);
  units_.pop_back();
}

std::optional<std::uint32_t> NbdDevices::index_of(const Unit& unit) const {
  auto found = options_.indices.find(unit.info.lun);
  if (found == options_.indices.end() && &unit == &units_.front())
    found = options_.indices.find(std::nullopt);
  return found == options_.indices.end() ? std::nullopt : std::optional(found->second);
}

awaitable<Outcome<>> NbdDevices::connect(Unit& unit) {
  if (give_up_.stop_requested()) co_return withdrawn();
  auto pair = make_socket_pair();
  if (!pair) co_return pair.error();
  // Start the lane's end first, because the kernel reads the device at once.
  unit.connection_id = next_connection_id();
  serve_nbd(lane_, unit.connection_id, std::move(pair->ours), unit.info.lun,
            lane_.options().max_request_bytes);

  auto options = device_options(unit);
  options.socket = std::move(pair->kernels);
  unit.device_bytes = options.size_bytes;
  auto device = co_await kernel_.connect(std::move(options));
  if (!device) co_return device.error();
  unit.device = std::move(*device);
  fit_device(unit);
  co_return Outcome<>();
}

KernelDeviceOptions NbdDevices::device_options(const Unit& unit) const {
  using std::chrono::milliseconds;
  const auto info = describe_export(unit.info, lane_.options());
  const auto left = begun_ + options_.session.connect_timeout - Clock::now();
  KernelDeviceOptions options;
  options.index = index_of(unit);
  options.size_bytes = info.size_bytes;
  options.block_size = info.block_size;
  options.transmission_flags = info.transmission_flags;
  options.request_timeout = kernel_request_timeout(options_.session);
  options.busy_wait = std::max<milliseconds>(kBusyWait, std::chrono::floor<milliseconds>(left));
  options.backend = fmt::format("srp:{}", unit.info.wwid.empty()
                                              ? fmt::format("{}/{}", options_.session_name, unit.info.lun)
                                              : unit.info.wwid);
  options.given_up = give_up_.get_token();
  return options;
}

// Messages of a lane arrive in order. So after the answer to a later question, a refusal to serve a unit
// would be known.
awaitable<Outcome<>> NbdDevices::ask_lane(std::size_t first) {
  const auto answer = lane_answer_.emplace(executor_);
  lane_.post([answer](srpi::Session&) { answer.send({}); });
  if (!give_up_.stop_requested()) co_await answer.wait();
  lane_answer_.reset();
  for (auto i = first; i < units_.size(); ++i)
    if (const auto& unit = units_[i]; unit.refusal.code != srpi::Errc::ok)
      co_return Failure{std::string(code_name(unit.refusal.code)),
                        fmt::format("lun {} is not served: {}; choose fewer units with --lun", unit.info.lun,
                                    unit.refusal.message())};
  co_return Outcome<>();
}

awaitable<Outcome<>> NbdDevices::withdraw() {
  const auto self = shared_from_this();
  if (withdrawing_) {
    const auto shared = *withdrawing_;
    co_return co_await shared.wait();
  }
  withdrawing_.emplace(executor_);
  give_up_.request_stop();
  if (lane_answer_) lane_answer_->give({});
  // A running connect may still make a device.
  if (publishing_) {
    const auto published = *publishing_;
    co_await published.wait();
  }

  Outcome<> outcome;
  for (auto& unit : units_) {
    if (const auto device = std::exchange(unit.device, std::nullopt)) {
      const auto gone = co_await disconnect(kernel_, options_.session_name, *device);
      if (outcome) outcome = gone;
    }
    // The lane must serve the kernel until the device is disconnected.
    if (unit.connection_id != 0) lane_.drop(unit.connection_id);
  }
  units_.clear();
  std::exchange(withdrawing_, std::nullopt)->give(outcome);
  co_return outcome;
}

awaitable<Outcome<>> NbdDevices::remove(std::uint64_t lun) {
  const auto self = shared_from_this();
  publishing_.emplace(executor_);  // a withdrawal waits
  const auto found = [&] { return std::ranges::find(units_, lun, [](const Unit& u) { return u.info.lun; }); };
  Outcome<> outcome;
  if (const auto device = std::exchange(found()->device, std::nullopt))
    outcome = co_await disconnect(kernel_, options_.session_name, *device);
  lane_.drop(found()->connection_id);
  units_.erase(found());
  std::exchange(publishing_, std::nullopt)->give({});
  co_return outcome;
}

awaitable<Export::Users> NbdDevices::users(std::optional<std::uint64_t> lun) {
  const auto self = shared_from_this();
  std::vector<KernelDevice> devices;
  for (const auto& unit : units_)
    if (unit.device && (!lun || unit.info.lun == *lun)) devices.push_back(*unit.device);
  std::vector<std::string> all;
  for (const auto& device : devices) {
    const auto users = co_await kernel_.users(device);
    if (!users) co_return users.error();
    all.insert(all.end(), users->begin(), users->end());
  }
  co_return all;
}

void NbdDevices::resize(const srpi::LogicalUnitInfo& info) {
  for (auto& unit : units_) {
    if (unit.info.lun != info.lun) continue;
    if (const auto end = unit.info.blocks != info.blocks ? resized_log_.pass() : std::nullopt)
      spdlog::info("{}: lun {} has now {} blocks, had {}{}", options_.session_name, info.lun, info.blocks,
                   unit.info.blocks, *end);
    unit.info = info;
    fit_device(unit);
  }
}

// Resizes the device if the unit has grown while the device was made.
void NbdDevices::fit_device(Unit& unit) {
  const auto size_bytes = describe_export(unit.info, lane_.options()).size_bytes;
  if (!unit.device || unit.is_lost || give_up_.stop_requested() || unit.device_bytes == size_bytes) return;
  unit.device_bytes = size_bytes;
  if (std::exchange(unit.is_resizing, true)) return;  // the running resize goes on to this size
  spawn(executor_, resize_device(weak_from_this(), kernel_, *unit.device, size_bytes));
}

// The export may be destroyed meanwhile.
awaitable<void> NbdDevices::resize_device(std::weak_ptr<NbdDevices> weak, KernelDeviceManager& kernel,
                                          KernelDevice device, std::uint64_t size_bytes) {
  for (;;) {
    const auto resized = co_await kernel.resize(device, size_bytes);
    const auto self = weak.lock();
    if (!self) co_return;
    const auto& name = self->options_.session_name;
    if (const auto end = self->resized_log_.pass(); end && resized)
      spdlog::info("{}: {} has {} bytes now{}", name, device.path, size_bytes, *end);
    else if (end)
      spdlog::error("{}: {} keeps its size: {}; erase the session and connect again{}", name, device.path,
                    resized.error().message, *end);
    const auto unit = std::ranges::find_if(
        self->units_, [&](const Unit& each) { return each.device && each.device->path == device.path; });
    if (unit == self->units_.end()) co_return;
    if (unit->device_bytes == size_bytes) {
      unit->is_resizing = false;
      co_return;
    }
    size_bytes = unit->device_bytes;
  }
}

std::optional<Export::LostDevice> NbdDevices::connection_closed(std::uint64_t connection_id,
                                                                const srpi::Error& why) {
  const auto unit = std::ranges::find(units_, connection_id, &Unit::connection_id);
  if (unit == units_.end()) return std::nullopt;
  unit->refusal = why;
  // Before the unit has a device, the kernel's error for the connect is more useful.
  if (!unit->device || give_up_.stop_requested()) return std::nullopt;
  LostDevice lost{exported(*unit), why};
  if (why.code == srpi::Errc::ok) lost.why = {srpi::Errc::no_device, "somebody has disconnected it"};
  unit->is_lost = true;
  spdlog::error("{}: {} has lost its connection to this daemon: {}; erase the session and connect again",
                options_.session_name, lost.unit.device,
                lost.why.detail.empty() ? lost.why.message() : lost.why.detail);
  return lost;
}

ExportedUnit NbdDevices::exported(const Unit& unit) {
  return {unit.info, unit.device && !unit.is_lost ? unit.device->path : std::string(), {}};
}

std::vector<ExportedUnit> NbdDevices::units() const {
  std::vector<ExportedUnit> result;
  for (const auto& unit : units_) result.push_back(exported(unit));
  return result;
}

}  // namespace srp_nbd
