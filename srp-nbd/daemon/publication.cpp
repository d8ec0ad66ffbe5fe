// SPDX-License-Identifier: Apache-2.0
#include "daemon/publication.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "daemon/lane_errand.hpp"
#include "frontend/nbd/describe_export.hpp"
#include "frontend/nbd/serve.hpp"
#include "support/no_memory.hpp"

namespace srp_nbd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kTimeoutSlack{20};
// A device that somebody has open is waited for as long as a connect may take, and this at least: udev looks into one
// that has just ended.
constexpr std::chrono::seconds kBusyWait{1};

struct Unit {
  srpi::LogicalUnitInfo info;
  std::optional<KernelDevice> device;
  std::uint64_t device_bytes = 0;  // its size, as the kernel was told
  bool is_lost = false;  // the device's connection to the lane has ended: it is ours to take away, no more
  std::uint64_t connection_id = 0;
  srpi::Error refusal;  // of the lane's to serve it
};

// Its words alone: those of the code speak of a target.
Failure of_kernel(const srpi::Error& error) {
  if (error.detail.empty()) return Failure{error};
  return {std::string(code_name(error.code)), error.detail};
}

// Without anybody to tell.
void disconnect_alone(KernelDeviceManager& devices, const std::string& session, const KernelDevice& device) {
  devices.disconnect(device, [session, device](const srpi::Result<>& gone) {
    if (!gone) spdlog::error("{}: {} stays behind: {}", session, device.path, gone.error().message());
  });
}

}  // namespace

std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions& options) {
  return std::chrono::ceil<std::chrono::seconds>(options.longest_request()) + kTimeoutSlack;
}

struct Publication::Impl : std::enable_shared_from_this<Publication::Impl> {
  Impl(boost::asio::any_io_executor executor_in, KernelDeviceManager& devices_in, Lane& lane_in,
       const SessionRequest& request_in)
      : executor(std::move(executor_in)), devices(devices_in), lane(lane_in), request(request_in) {}

  void finish(const Done& done, Outcome<> outcome) {
    // By value, not const: what asio moves must not be copied.
    boost::asio::post(executor,
                      [self = weak_from_this(), done = done, outcome = std::move(outcome)]() mutable {
                        if (!self.expired()) done(std::move(outcome));
                      });
  }

  [[nodiscard]] UnitView published(const Unit& unit) const {
    auto view = make_unit_view(unit.info);
    if (unit.device && !unit.is_lost) view.device = unit.device->path;
    if (server)
      view.export_ = fmt::format("nbd+unix:///{}?socket={}", describe_export(unit.info, lane.options()).name,
                                 server->path());
    return view;
  }

  Outcome<> listen() {
    SocketServerOptions options;
    options.path = request.listen_path;
    // A client may open an export several times at once.
    options.max_clients = std::clamp(4 * static_cast<std::uint32_t>(units.size()), options.max_clients,
                                     lane.options().max_connections);
    SocketServerCallbacks callbacks;
    // The server is destroyed with this object, and calls nothing afterwards.
    callbacks.exports = [this] {
      std::vector<ExportInfo> exports;
      for (const auto& unit : units) exports.push_back(describe_export(unit.info, lane.options()));
      return exports;
    };
    callbacks.on_client = [this](std::uint64_t id, int fd, const ExportInfo& info) {
      serve_nbd(lane, id, UniqueFd(fd), info.lun);
    };
    callbacks.on_refused = [this](const srpi::Error& why) {
      spdlog::info("{}: an NBD client was sent away: {}", request.name, why.message());
    };
    auto server_or = SocketServer::listen(executor, std::move(options), std::move(callbacks));
    if (!server_or) return Failure{server_or.error()};
    server = std::move(*server_or);
    return {};
  }

  // Devices come one after the other, so that their numbers follow the units'.
  void connect_next() {
    const auto next = std::find_if(units.begin(), units.end(), [](const Unit& unit) { return !unit.device; });
    if (next == units.end()) return await_lane();
    guarded([&] { connect_device(*next); }, [this] { undo(Failure::no_memory()); });
  }

  void connect_device(Unit& unit) {
    auto pair = make_socket_pair();
    if (!pair) return undo(Failure{pair.error()});
    unit.connection_id = next_connection_id();
    serve_nbd(lane, unit.connection_id, std::move(pair->ours), unit.info.lun);

    const auto info = describe_export(unit.info, lane.options());
    KernelDeviceOptions options;
    options.index = request.device_index;
    options.sockets.push_back(std::move(pair->kernels));
    options.size_bytes = unit.device_bytes = info.size_bytes;
    options.block_size = info.block_size;
    options.transmission_flags = info.transmission_flags;
    options.request_timeout = kernel_request_timeout(request.options);
    options.busy_wait = std::max<std::chrono::milliseconds>(
        kBusyWait, std::chrono::floor<std::chrono::milliseconds>(begun + request.options.connect_timeout -
                                                                 Clock::now()));
    options.backend =
        fmt::format("srp:{}", unit.info.wwid.empty() ? fmt::format("{}/{}", request.name, unit.info.lun)
                                                     : unit.info.wwid);
    options.given_up = give_up.get_token();
    devices.connect(std::move(options), [weak = weak_from_this(), &kernel = devices, id = unit.connection_id,
                                         name = request.name](srpi::Result<KernelDevice> device) {
      if (const auto self = weak.lock()) return self->on_connected(id, std::move(device));
      if (device) disconnect_alone(kernel, name, *device);
    });
    is_connecting = true;  // from here on: the answer comes for certain
  }

  void on_connected(std::uint64_t connection_id, srpi::Result<KernelDevice> device) {
    is_connecting = false;
    const auto unit = std::find_if(units.begin(), units.end(),
                                   [&](const Unit& u) { return u.connection_id == connection_id; });
    if (device && unit == units.end())
      disconnect_alone(devices, request.name, *device);
    else if (device)
      unit->device = std::move(*device);
    if (device && unit != units.end()) guarded([&] { fit_device(*unit); });
    if (is_withdrawing) return withdraw_next();
    if (!device) return undo(of_kernel(device.error()));
    connect_next();
  }

  // A unit that has grown, perhaps while its device was made.
  void fit_device(Unit& unit) {
    const auto size_bytes = describe_export(unit.info, lane.options()).size_bytes;
    if (!unit.device || unit.is_lost || is_withdrawing || unit.device_bytes == size_bytes) return;
    devices.resize(
        *unit.device, size_bytes,
        [name = request.name, path = unit.device->path, size_bytes](const srpi::Result<>& resized) {
          if (resized)
            spdlog::info("{}: {} has {} bytes now", name, path, size_bytes);
          else
            spdlog::error("{}: {} keeps its size: {}; erase the session and connect again", name, path,
                          resized.error().message());
        });
    unit.device_bytes = size_bytes;
  }

  // A refusal of the lane's is at home before the answer to what it was asked later.
  void await_lane() {
    const auto answered = [weak = weak_from_this()](const Outcome<>& asked) {
      const auto self = weak.lock();
      if (!self || !self->publish_done) return;  // withdrawn meanwhile
      if (!asked) return self->undo(asked.error());
      for (const auto& unit : self->units)
        if (unit.refusal.code != srpi::Errc::ok)
          return self->undo(Failure{std::string(code_name(unit.refusal.code)),
                                    fmt::format("lun {} is not served: {}; choose fewer units with --lun",
                                                unit.info.lun, unit.refusal.message())});
      self->finish(std::exchange(self->publish_done, nullptr), {});
    };
    guarded(
        [&] {
          ask<void>(
              lane, executor, [](srpi::Session&) -> Outcome<> { return {}; }, answered);
        },
        [&] { undo(Failure::no_memory()); });
  }

  // A failed publish leaves nothing: what came before is taken away, then the first failure is reported.
  void undo(const Failure& failure) {
    insist([&] { withdraw([done = publish_done, failure](const Outcome<>&) { done(failure); }); });
  }

  // The only way by which devices go, whoever wants it. std::bad_alloc out of this: nothing was done.
  void withdraw(Done done) {
    withdrawn.push_back(std::move(done));
    if (is_withdrawing) return;
    is_withdrawing = true;
    publish_done = nullptr;
    give_up.request_stop();
    server.reset();
    // A connect under way may still make a device: its answer goes on here.
    if (!is_connecting) withdraw_next();
  }

  void withdraw_next() {
    const auto next =
        std::find_if(units.begin(), units.end(), [](const Unit& u) { return u.device.has_value(); });
    if (next == units.end()) return end_withdrawal();
    // The lane serves the kernel until it has let the device go.
    insist([&] {
      devices.disconnect(*next->device, [self = shared_from_this(), id = next->connection_id,
                                         device = *next->device](const srpi::Result<>& gone) {
        if (!gone) insist([&] { self->note_stays_behind(device, gone.error()); });
        insist([&] { self->lane.drop(id); });
        self->withdraw_next();
      });
    });
    next->device.reset();
    next->connection_id = 0;
  }

  void note_stays_behind(const KernelDevice& device, const srpi::Error& why) {
    spdlog::error("{}: {} stays behind: {}", request.name, device.path, why.message());
    if (!withdraw_failure)
      withdraw_failure =
          Failure{std::string(code_name(why.code)),
                  fmt::format("{} could not be disconnected: {}; it answers with errors now, and "
                              "`nbd-client -d {}` removes it",
                              device.path, why.message(), device.path)};
  }

  void end_withdrawal() {
    for (const auto& unit : units)
      if (unit.connection_id != 0) insist([&] { lane.drop(unit.connection_id); });
    units.clear();
    is_withdrawing = false;
    const auto failure = std::exchange(withdraw_failure, std::nullopt);
    for (const auto& done : std::exchange(withdrawn, {}))
      insist([&] { finish(done, failure ? Outcome<>(*failure) : Outcome<>()); });
  }

  // Their owner is gone, with its lane.
  void abandon() noexcept {
    give_up.request_stop();
    for (const auto& unit : units)
      if (unit.device) guarded([&] { disconnect_alone(devices, request.name, *unit.device); });
  }

  boost::asio::any_io_executor executor;
  KernelDeviceManager& devices;
  Lane& lane;
  const SessionRequest request;
  const Clock::time_point begun = Clock::now();  // the connect, its login included
  std::vector<Unit> units;
  std::unique_ptr<SocketServer> server;
  Done publish_done;           // of the publish under way
  std::stop_source give_up;    // tells its connect that nobody wants it any more
  bool is_connecting = false;  // a connect's answer is to come; units stay what they are until then
  bool is_withdrawing = false;
  std::vector<Done> withdrawn;  // told when nothing is left
  std::optional<Failure> withdraw_failure;
};

Publication::Publication(boost::asio::any_io_executor executor, KernelDeviceManager& devices, Lane& lane,
                         const SessionRequest& request)
    : impl_(std::make_shared<Impl>(std::move(executor), devices, lane, request)) {}
Publication::~Publication() { impl_->abandon(); }

void Publication::publish(std::vector<srpi::LogicalUnitInfo> infos, Done done) {
  auto& impl = *impl_;
  if (infos.empty())
    return impl.finish(done, Failure{"no_such_lun",
                                     "the target shows no logical unit to this initiator: expected at "
                                     "least one; check its access list for our initiator port id"});
  if (impl.request.device_index && infos.size() != 1)
    return impl.finish(done,
                       Failure{"invalid_argument",
                               fmt::format("--device names one device, and the target has {} logical units: "
                                           "choose one with --lun, or leave --device out",
                                           infos.size())});
  // A device that the lane cannot serve would be a dead one.
  const auto most = impl.lane.options().max_connections;
  if (impl.request.listen_path.empty() && infos.size() > most)
    return impl.finish(
        done, Failure{"too_large", fmt::format("the target has {} logical units, and a session takes {} "
                                               "kernel devices at most: choose units with --lun, in "
                                               "several sessions, or serve them with --listen",
                                               infos.size(), most)});
  try {
    impl.give_up = std::stop_source();
    for (auto& info : infos) impl.units.emplace_back().info = std::move(info);
    if (impl.request.listen_path.empty()) {
      impl.publish_done = std::move(done);
      return impl.connect_next();
    }
    auto outcome = impl.listen();
    if (!outcome) impl.units.clear();
    impl.finish(done, std::move(outcome));
  } catch (const std::bad_alloc&) {
    impl.server.reset();
    impl.units.clear();
    throw;
  }
}

void Publication::withdraw(Done done) { impl_->withdraw(std::move(done)); }

std::optional<Publication::LostDevice> Publication::connection_closed(std::uint64_t connection_id,
                                                                      const srpi::Error& why) {
  auto& impl = *impl_;
  if (impl.server) {
    impl.server->connection_closed(connection_id);
    if (why.code != srpi::Errc::ok)
      spdlog::info("{}: an NBD client's connection was closed: {}", impl.request.name, why.message());
    return std::nullopt;
  }
  const auto unit = std::ranges::find(impl.units, connection_id, &Unit::connection_id);
  if (unit == impl.units.end()) return std::nullopt;
  unit->refusal = why;
  // Before it has its device, the kernel's refusal of that says more.
  if (!unit->device || impl.is_withdrawing) return std::nullopt;
  LostDevice lost{impl.published(*unit), why};
  if (why.code == srpi::Errc::ok) lost.why = {srpi::Errc::no_device, "somebody has disconnected it"};
  unit->is_lost = true;
  spdlog::error("{}: {} has lost its connection to this daemon: {}; erase the session and connect again",
                impl.request.name, lost.unit.device.value_or(""), of_kernel(lost.why).message);
  return lost;
}

void Publication::update(const srpi::LogicalUnitInfo& info) {
  for (auto& unit : impl_->units)
    if (unit.info.lun == info.lun) {
      if (unit.info.blocks != info.blocks)
        spdlog::info("{}: lun {} has now {} blocks, had {}{}", impl_->request.name, info.lun, info.blocks,
                     unit.info.blocks, impl_->server ? "; clients see it when they open it again" : "");
      unit.info = info;
      impl_->fit_device(unit);
    }
}

std::vector<UnitView> Publication::units() const {
  std::vector<UnitView> result;
  for (const auto& unit : impl_->units) result.push_back(impl_->published(unit));
  return result;
}

UnitView Publication::unit(const srpi::LogicalUnitInfo& info) const {
  for (const auto& unit : impl_->units)
    if (unit.info.lun == info.lun) return impl_->published(unit);
  return make_unit_view(info);
}

}  // namespace srp_nbd
