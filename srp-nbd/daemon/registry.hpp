// SPDX-License-Identifier: Apache-2.0
// All sessions of the daemon by name. Executes the orders for them.
//
// Threads: main thread only. Lifetime: the registry must outlive its coroutines, unless the executor has
// stopped. The session of an order stays until the order is answered.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "control/control_server.hpp"
#include "control/orders.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/managed_session.hpp"
#include "daemon/port_ids_in_use.hpp"
#include "export/kernel_device.hpp"

namespace srp_nbd {

class Registry {
 public:
  using SessionPtr = std::shared_ptr<ManagedSession>;

  explicit Registry(Executor);

  // Executes an order and returns its answer; for EventsOrder also the lines that follow. Errors of
  // EventsOrder: no_such_session, busy.
  [[nodiscard]] awaitable<ControlServer::Reply> handle(Order);
  // Makes a session and starts it. With request.wait: returns when everything is published, or the failure,
  // and then no session is left.
  [[nodiscard]] awaitable<Outcome<SessionPtr>> connect(SessionRequest);
  // Makes the sessions of the configuration that do not exist. Existing ones are not changed: the answer names the
  // options that differ. Sessions of an earlier configuration that this one does not have are left alone, or with
  // `prune` erased, unless they are in use.
  [[nodiscard]] awaitable<ReloadAnswer> configure(std::vector<SessionRequest>, bool prune);
  // Reads the configuration again, for ReloadOrder.
  using ReadConfiguration = std::function<Outcome<std::vector<SessionRequest>>()>;
  void read_configuration_with(ReadConfiguration read) { read_configuration_ = std::move(read); }
  [[nodiscard]] awaitable<Outcome<ReloadAnswer>> reload(bool prune);
  // Erases all sessions at the same time, and refuses new ones from now on. Returns false if some are left at
  // the deadline.
  [[nodiscard]] awaitable<bool> erase_all(std::chrono::steady_clock::time_point deadline);
  // The function is called whenever a session has gone.
  void on_session_gone(std::function<void()> f) { on_session_gone_ = std::move(f); }
  [[nodiscard]] bool is_empty() const noexcept { return sessions_.empty(); }

 private:
  [[nodiscard]] awaitable<ControlServer::Reply> carry_out(ListOrder);
  [[nodiscard]] awaitable<ControlServer::Reply> carry_out(ConnectOrder);
  [[nodiscard]] awaitable<ControlServer::Reply> carry_out(EventsOrder);
  [[nodiscard]] awaitable<ControlServer::Reply> carry_out(ReloadOrder);
  template<class SessionOrder>
  [[nodiscard]] awaitable<ControlServer::Reply> carry_out(SessionOrder);  // the others name a session

  [[nodiscard]] awaitable<ReloadedSession> configure(SessionRequest);
  [[nodiscard]] awaitable<ReloadedSession> unconfigure(SessionPtr, bool prune);
  // The running session of this configured one; nullptr: there is none.
  [[nodiscard]] SessionPtr running(const SessionRequest&) const;
  [[nodiscard]] awaitable<void> erase(SessionPtr, Answer<std::monostate> gone);
  [[nodiscard]] SessionPtr add(SessionRequest);
  void forget(const ManagedSession&, std::optional<Failure> why = {});
  [[nodiscard]] Outcome<> check_free(const SessionRequest&) const;
  [[nodiscard]] std::string derive_name() const;
  [[nodiscard]] std::vector<Event> present_states() const;

  const Executor executor_;
  KernelDeviceManager devices_;
  EventHub events_;
  const std::shared_ptr<PortIdsInUse> port_ids_ = std::make_shared<PortIdsInUse>();
  std::map<std::string, SessionPtr> sessions_;
  std::set<std::string> configured_;  // names of sessions that a configuration has made
  ReadConfiguration read_configuration_;
  std::function<void()> on_session_gone_;
  bool is_stopping_ = false;
};

}  // namespace srp_nbd
