// SPDX-License-Identifier: Apache-2.0
// The client of the control socket. Sends one order and gets one answer; after an EventsOrder also events.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/orders.hpp"

namespace srp_nbd {

struct Patience {
  // Without a deadline, the client waits as long as the daemon lives. This is for orders that the session's
  // timers limit.
  std::optional<std::chrono::milliseconds> deadline = std::chrono::seconds(30);
  std::string doing;  // printed on standard error after two seconds; empty: nothing is printed
};

template<class Answer>
struct Reply {
  Answer answer;
  boost::json::object json;  // the daemon's text; a newer daemon may send keys that `answer` does not have
};

class ControlClient {
 public:
  explicit ControlClient(std::string socket_path) : path_(std::move(socket_path)) {}

  // Errors: no_daemon, permission_denied, timed_out, bad_answer, and the daemon's error answers.
  template<class AnyOrder, class Answer = typename AnyOrder::Answer>
  [[nodiscard]] Outcome<Reply<Answer>> ask(const AnyOrder& order, const Patience& patience = {}) const {
    auto object = exchange(order, patience, {});
    if (!object) return object.error();
    Reply<Answer> reply{{}, std::move(*object)};
    JsonReader reader(Reading::answer);
    if (!reader.read_members(reply.json, reply.answer))
      return Failure{"bad_answer", "the daemon's answer: " + reader.problem};
    return reply;
  }
  // Passes each line after the answer to `on_line`, until the connection ends. Returns the reason.
  using OnLine = std::function<void(std::string_view line)>;
  [[nodiscard]] Failure follow(const EventsOrder& order, const OnLine& on_line) const {
    return exchange(order, {}, on_line).error();
  }

 private:
  // With `on_line`, returns only failures.
  [[nodiscard]] Outcome<boost::json::object> exchange(const Order&, const Patience&, const OnLine&) const;

  const std::string path_;
};

}  // namespace srp_nbd
