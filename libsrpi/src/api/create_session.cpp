// SPDX-License-Identifier: Apache-2.0
// Makes a session over the fabric that its target needs.
#include <random>

#include "api/session_impl.hpp"
#include "base/make_error.hpp"
#include "srpi/ram_target.hpp"
#include "verbs/fabric.hpp"

namespace srpi {
namespace {

Result<std::unique_ptr<Session>> make_session(const TargetAddress& target, const SessionOptions& options,
                                              SessionObserver* observer) {
  if (auto valid = options.validate(); !valid) return valid.error();

  std::random_device random;
  const auto seed = std::uint64_t{random()} << 32 | random();
  std::unique_ptr<fabric::Fabric> fabric;
  api::EmbeddedFabric* embedded = nullptr;
  if (std::holds_alternative<RamAddress>(target.transport)) {
    auto made = api::EmbeddedFabric::create(target, seed);
    if (!made) return made.error();
    embedded = made->get();
    fabric = std::move(*made);
  } else {
    fabric = verbs::make_fabric();
  }
  auto session =
      std::make_unique<api::SessionImpl>(target, options, observer, std::move(fabric), embedded, seed);
  if (auto done = session->open(); !done) return done.error();
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace

Result<std::unique_ptr<Session>> Session::create(const TargetAddress& target, const SessionOptions& options,
                                                 SessionObserver* observer) {
  return base::or_no_memory<Result<std::unique_ptr<Session>>>(
      [&] { return make_session(target, options, observer); });
}

namespace {

template<class Change>
Result<> change_ram_target(Session& session, Change change) {
  auto* const own = dynamic_cast<api::SessionImpl*>(&session);
  if (!own || !own->embedded())
    return base::make_error(Errc::not_supported, "only the built-in target (ram://) can be changed");
  auto done = base::or_no_memory<Result<>>([&]() -> Result<> { return change(*own->embedded()); });
  own->wake();
  return done;
}

}  // namespace

Result<> set_ram_target_online(Session& session, bool online) {
  return change_ram_target(session, [&](api::EmbeddedFabric& target) {
    target.set_online(online);
    return Result<>();
  });
}

Result<> add_ram_unit(Session& session, std::uint16_t lun, std::uint64_t bytes) {
  return change_ram_target(session, [&](api::EmbeddedFabric& target) { return target.add_unit(lun, bytes); });
}

Result<> remove_ram_unit(Session& session, std::uint16_t lun) {
  return change_ram_target(session, [&](api::EmbeddedFabric& target) { return target.remove_unit(lun); });
}

}  // namespace srpi
