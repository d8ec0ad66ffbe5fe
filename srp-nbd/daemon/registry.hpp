// SPDX-License-Identifier: Apache-2.0
// All sessions of the daemon by name. Executes the orders for them.
//
// Threads: main thread only. Lifetime: the registry must outlive its coroutines, unless the executor has
// stopped. The session of an order stays until the order is answered.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/orders.hpp"
#include "daemon/event_hub.hpp"
#include "daemon/managed_session.hpp"
#include "export/kernel_device.hpp"

namespace srp_nbd {

class Registry {
 public:
  explicit Registry(boost::asio::any_io_executor);

  // Executes an order and returns its answer. For EventsOrder use follow.
  [[nodiscard]] boost::asio::awaitable<boost::json::object> handle(Order);
  // Follows the events of the session with that name, or of all sessions if the name is empty. Errors:
  // no_such_session, busy.
  [[nodiscard]] Outcome<std::shared_ptr<EventFollower>> follow(const std::string& name);
  // Erases all sessions at the same time, and refuses new ones from now on. Returns false if some are left at
  // the deadline.
  [[nodiscard]] boost::asio::awaitable<bool> erase_all(std::chrono::steady_clock::time_point deadline);
  // The function is called whenever a session has gone.
  void on_session_gone(std::function<void()> f) { on_session_gone_ = std::move(f); }
  [[nodiscard]] bool is_empty() const noexcept { return sessions_.empty(); }

 private:
  using SessionPtr = std::shared_ptr<ManagedSession>;
  template<class T = boost::json::object>
  using Awaitable = boost::asio::awaitable<T>;

  [[nodiscard]] Awaitable<> carry_out(ListOrder);
  [[nodiscard]] Awaitable<> carry_out(ConnectOrder);
  [[nodiscard]] Awaitable<> carry_out(EventsOrder);
  template<class SessionOrder>
  [[nodiscard]] Awaitable<> carry_out(SessionOrder);  // all other orders, which name a session
  [[nodiscard]] Awaitable<> on_session(ShowOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(DisconnectOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(ReconnectOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(EraseOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(TargetOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(AbortOrder, SessionPtr);
  [[nodiscard]] Awaitable<> on_session(ResetOrder, SessionPtr);
  [[nodiscard]] Awaitable<> run(UnitFunction, std::string name, std::optional<std::uint64_t> lun, SessionPtr);

  [[nodiscard]] Awaitable<> show(SessionPtr);
  [[nodiscard]] Awaitable<Outcome<>> erase(SessionPtr);
  [[nodiscard]] Awaitable<void> erase_beside(SessionPtr, Answer<std::monostate> gone);
  [[nodiscard]] SessionPtr add(SessionRequest);
  void forget(const ManagedSession&, std::optional<Failure> why = {});
  void report(const std::string& name, EventKind, std::optional<Failure> cause);
  [[nodiscard]] Outcome<> check_free(const SessionRequest&) const;
  [[nodiscard]] std::string derive_name() const;
  [[nodiscard]] std::vector<Event> present_states() const;

  const boost::asio::any_io_executor executor_;
  KernelDeviceManager devices_;
  EventHub events_;
  std::map<std::string, SessionPtr> sessions_;
  std::function<void()> on_session_gone_;
  bool is_stopping_ = false;
};

}  // namespace srp_nbd
