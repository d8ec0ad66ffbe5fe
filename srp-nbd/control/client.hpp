// SPDX-License-Identifier: Apache-2.0
// The client's end of the control socket: one order, one answer, or one order and the events that follow.
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
  // None: as long as the daemon lives. For orders that take as long as the session's own timers say.
  std::optional<std::chrono::milliseconds> deadline = std::chrono::seconds(30);
  std::string doing;  // said on standard error while it takes longer than two seconds; empty: nothing is
};

template<class Answer>
struct Reply {
  Answer answer;
  boost::json::object json;  // as the daemon wrote it; a later one may have keys that `answer` has not
};

class ControlClient {
 public:
  explicit ControlClient(std::string socket_path) : path_(std::move(socket_path)) {}

  // Errors: no_daemon, permission_denied, timed_out, bad_answer, and whatever the daemon answered with.
  template<class AnyOrder, class Answer = typename AnyOrder::Answer>
  [[nodiscard]] Outcome<Reply<Answer>> ask(const AnyOrder& order, const Patience& patience = {}) const {
    auto object = exchange(order, patience);
    if (!object) return object.error();
    Reply<Answer> reply{{}, std::move(*object)};
    JsonReader reader(Reading::answer);
    if (!reader.read_members(reply.json, reply.answer))
      return Failure{"bad_answer", "the daemon's answer: " + reader.problem};
    return reply;
  }
  // Every line that follows the answer, until the daemon ends or hangs up: the failure says why.
  [[nodiscard]] Failure follow(const EventsOrder&, const std::function<void(std::string_view line)>&) const;

 private:
  [[nodiscard]] Outcome<boost::json::object> exchange(const Order&, const Patience&) const;

  const std::string path_;
};

}  // namespace srp_nbd
