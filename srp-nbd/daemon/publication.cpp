// SPDX-License-Identifier: Apache-2.0
#include "daemon/publication.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>

#include "daemon/lane_errand.hpp"

namespace srp_nbd {
namespace {

constexpr std::chrono::seconds kTimeoutSlack{20};
// What the library may take to send a command again and again while the unit becomes ready.
constexpr std::chrono::seconds kRetryTime{65};

struct Unit {
  srpi::LogicalUnitInfo info;
  std::optional<KernelDevice> device;
  std::uint64_t connection_id = 0;
  srpi::Error refusal;  // of the lane's to serve it
};

std::string device_label(const Unit& unit) {
  return unit.device ? unit.device->path : fmt::format("lun {}", unit.info.lun);
}

}  // namespace

std::chrono::seconds kernel_request_timeout(const srpi::SessionOptions& options) {
  // A request may take three commands, one after the other (force unit access that is begun anew), and each
  // may be held, then aborted, then its unit reset.
  const auto command = options.command_timeout + options.fast_io_fail + 2 * options.task_management_timeout;
  const auto ours = 3 * command + options.connect_timeout;
  return std::chrono::ceil<std::chrono::seconds>(ours) + kRetryTime + kTimeoutSlack;
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

  [[nodiscard]] PublishedUnit published(const Unit& unit) const {
    PublishedUnit result{unit.info, {}, {}};
    if (unit.device) result.device = unit.device->path;
    if (server)
      result.uri =
          fmt::format("nbd+unix:///{}?socket={}", describe_export(unit.info, lane.options()).name, server->path());
    return result;
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
    callbacks.on_client = [this](std::uint64_t id, int fd, const ExportInfo& info) { lane.serve(id, fd, info.lun); };
    callbacks.on_refused = [this](const srpi::Error& why) {
      spdlog::info("{}: an NBD client was sent away: {}", request.name, why.message());
    };
    auto server_or = SocketServer::listen(executor, std::move(options), std::move(callbacks));
    if (!server_or) return Failure{server_or.error()};
    server = std::move(*server_or);
    return {};
  }

  // Devices come one after the other, so that their numbers follow the units'.
  void connect_device(std::size_t at, Done done) {
    if (at == units.size()) return await_lane(done);
    auto& unit = units[at];
    auto pair = make_socket_pair();
    if (!pair) return undo(Failure{pair.error()}, std::move(done));
    unit.connection_id = next_connection_id();
    lane.serve(unit.connection_id, pair->ours.release(), unit.info.lun);

    const auto info = describe_export(unit.info, lane.options());
    KernelDeviceOptions options;
    options.index = request.device_index;
    options.sockets.push_back(std::move(pair->kernels));
    options.size_bytes = info.size_bytes;
    options.block_size = info.block_size;
    options.transmission_flags = info.transmission_flags;
    options.request_timeout = kernel_request_timeout(request.options);
    options.backend = fmt::format("srp:{}", unit.info.wwid.empty() ? fmt::format("{}/{}", request.name, unit.info.lun)
                                                                   : unit.info.wwid);
    auto on_connected = [weak = weak_from_this(), this, at, done](srpi::Result<KernelDevice> device) {
      const auto self = weak.lock();
      if (!self) return;
      if (!device) return undo(Failure{device.error()}, done);
      units[at].device = std::move(*device);
      connect_device(at + 1, done);
    };
    devices.connect(std::move(options), std::move(on_connected));
  }

  // A refusal of the lane's is at home before the answer to what it was asked later.
  void await_lane(const Done& done) {
    const auto answered = [weak = weak_from_this(), this, done](const Outcome<>& asked) {
      const auto self = weak.lock();
      if (!self || is_withdrawing) return;
      if (!asked) return undo(asked.error(), done);
      for (const auto& unit : units)
        if (unit.refusal.code != srpi::Errc::ok)
          return undo(Failure{std::string(code_name(unit.refusal.code)),
                              fmt::format("lun {} is not served: {}; choose fewer units with --lun", unit.info.lun,
                                          unit.refusal.message())},
                      done);
      finish(done, {});
    };
    guarded([&] { ask<void>(lane, executor, [](srpi::Session&) -> Outcome<> { return {}; }, answered); },
            [&] { undo(Failure::no_memory(), done); });
  }

  // A failed publish leaves nothing: what came before is taken away, then the first failure is reported.
  void undo(Failure failure, Done done) {
    is_withdrawing = true;
    withdraw_from(0, {}, [this, failure = std::move(failure), done = std::move(done)](const Outcome<>&) {
      units.clear();
      is_withdrawing = false;
      finish(done, failure);
    });
  }

  void withdraw_from(std::size_t at, std::optional<Failure> first_failure, Done done) {
    if (at == units.size()) {
      if (first_failure) return done(*first_failure);
      return done({});
    }
    auto& unit = units[at];
    if (!unit.device) {
      if (unit.connection_id != 0) lane.drop(unit.connection_id);
      return withdraw_from(at + 1, std::move(first_failure), std::move(done));
    }
    devices.disconnect(unit.device->index, [weak = weak_from_this(), this, at, failure = std::move(first_failure),
                                            done = std::move(done)](srpi::Result<> gone) mutable {
      const auto self = weak.lock();
      if (!self) return;
      if (!gone) {
        spdlog::error("{}: {} stays behind: {}", request.name, units[at].device->path, gone.error().message());
        if (!failure)
          failure = Failure{std::string(code_name(gone.error().code)),
                            fmt::format("{} could not be disconnected: {}; it answers with errors now, and "
                                        "`nbd-client -d {}` removes it",
                                        units[at].device->path, gone.error().message(), units[at].device->path)};
      }
      units[at].device.reset();
      lane.drop(units[at].connection_id);
      withdraw_from(at + 1, std::move(failure), std::move(done));
    });
  }

  boost::asio::any_io_executor executor;
  KernelDeviceManager& devices;
  Lane& lane;
  const SessionRequest request;
  std::vector<Unit> units;
  std::unique_ptr<SocketServer> server;
  bool is_withdrawing = false;
};

Publication::Publication(boost::asio::any_io_executor executor, KernelDeviceManager& devices, Lane& lane,
                         const SessionRequest& request)
    : impl_(std::make_shared<Impl>(std::move(executor), devices, lane, request)) {}
Publication::~Publication() = default;

void Publication::publish(std::vector<srpi::LogicalUnitInfo> infos, Done done) {
  auto& impl = *impl_;
  if (infos.empty())
    return impl.finish(done, Failure{"no_such_lun", "the target shows no logical unit to this initiator: expected at "
                                                    "least one; check its access list for our initiator port id"});
  if (impl.request.device_index && infos.size() != 1)
    return impl.finish(done, Failure{"invalid_argument",
                                     fmt::format("--device names one device, and the target has {} logical units: "
                                                 "choose one with --lun, or leave --device out",
                                                 infos.size())});
  try {
    for (auto& info : infos) impl.units.push_back({std::move(info), {}, 0, {}});
    if (impl.request.listen_path.empty()) return impl.connect_device(0, std::move(done));
    auto outcome = impl.listen();
    if (!outcome) impl.units.clear();
    impl.finish(done, std::move(outcome));
  } catch (const std::bad_alloc&) {
    impl.server.reset();
    impl.units.clear();
    throw;
  }
}

void Publication::withdraw(Done done) {
  auto& impl = *impl_;
  impl.is_withdrawing = true;
  impl.server.reset();
  impl.withdraw_from(0, {}, [&impl, done = std::move(done)](const Outcome<>& outcome) {
    impl.units.clear();
    impl.finish(done, outcome);
  });
}

void Publication::connection_closed(std::uint64_t connection_id, const srpi::Error& why) {
  auto& impl = *impl_;
  if (impl.server) {
    impl.server->connection_closed(connection_id);
    if (why.code != srpi::Errc::ok)
      spdlog::info("{}: an NBD client's connection was closed: {}", impl.request.name, why.message());
    return;
  }
  for (auto& unit : impl.units)
    if (unit.connection_id == connection_id) unit.refusal = why;
  for (const auto& unit : impl.units)
    // Before it has its device, the kernel's refusal of that says more.
    if (unit.connection_id == connection_id && unit.device && !impl.is_withdrawing)
      spdlog::error("{}: {} has lost its connection to this daemon ({}); erase the session and connect again",
                    impl.request.name, device_label(unit),
                    why.code == srpi::Errc::ok ? "the kernel hung up" : why.message());
}

void Publication::update(const srpi::LogicalUnitInfo& info) {
  for (auto& unit : impl_->units)
    if (unit.info.lun == info.lun) {
      if (unit.info.blocks != info.blocks)
        spdlog::warn("{}: {} has now {} blocks, had {}; clients see it when they open it again", impl_->request.name,
                     device_label(unit), info.blocks, unit.info.blocks);
      unit.info = info;
    }
}

std::vector<PublishedUnit> Publication::units() const {
  std::vector<PublishedUnit> result;
  for (const auto& unit : impl_->units) result.push_back(impl_->published(unit));
  return result;
}

PublishedUnit Publication::unit(const srpi::LogicalUnitInfo& info) const {
  for (const auto& unit : impl_->units)
    if (unit.info.lun == info.lun) return impl_->published(unit);
  return {info, {}, {}};
}

}  // namespace srp_nbd
