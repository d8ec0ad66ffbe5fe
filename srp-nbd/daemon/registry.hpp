// SPDX-License-Identifier: Apache-2.0
// All sessions of the daemon by name, and the commands on them. Main thread only.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
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
  using Answer = std::function<void(boost::json::object)>;

  explicit Registry(boost::asio::any_io_executor);

  // Carries out a command; the answer comes exactly once, possibly from within. Where there is no memory it
  // may come twice, or not at all, or std::bad_alloc out of this: then the command was not carried out.
  void handle(Order, Answer);
  // The changes of the session of that name, or of all when it is empty. Errors: no_such_session, busy.
  [[nodiscard]] Outcome<std::shared_ptr<EventFollower>> follow(const std::string& name);
  // Erases every session; done when all are gone. New ones are refused from then on.
  void erase_all(std::function<void()> done);
  // Called each time a session has gone.
  void on_session_gone(std::function<void()> f) { on_session_gone_ = std::move(f); }
  [[nodiscard]] bool is_empty() const noexcept { return sessions_.empty(); }

 private:
  void list(const Answer&);
  void connect(SessionRequest, Answer);
  template<class SessionOrder>
  void on_session(const SessionOrder&, Answer);
  void carry_out(const ShowOrder&, ManagedSession&, Answer);
  void carry_out(const DisconnectOrder&, ManagedSession&, Answer);
  void carry_out(const ReconnectOrder&, ManagedSession&, Answer);
  void carry_out(const EraseOrder&, ManagedSession&, Answer);
  void carry_out(const AbortOrder&, ManagedSession&, Answer);
  void carry_out(const ResetOrder&, ManagedSession&, Answer);
  void carry_out(const TargetOrder&, ManagedSession&, Answer);
  void forget(const std::string& name, std::optional<Failure> why = {});
  [[nodiscard]] Outcome<> check_free(const SessionRequest&) const;
  [[nodiscard]] std::string derive_name() const;
  [[nodiscard]] std::vector<Event> present_states() const;

  boost::asio::any_io_executor executor_;
  KernelDeviceManager devices_;
  EventHub events_;
  std::map<std::string, std::shared_ptr<ManagedSession>> sessions_;
  std::function<void()> on_session_gone_;
  bool is_stopping_ = false;
};

}  // namespace srp_nbd
