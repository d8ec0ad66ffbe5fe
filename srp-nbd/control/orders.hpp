// SPDX-License-Identifier: Apache-2.0
// The orders of clients and the answers of the daemon: one JSON object per line in both directions. An order
// has its members and "command", an answer its members and "ok". Client and daemon both use these
// descriptions.
#pragma once

#include <algorithm>
#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <boost/json/object.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/described_json.hpp"
#include "control/option.hpp"
#include "control/reports.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

constexpr std::size_t kMaxControlLineBytes = 64 << 10;

// For root: /run/srp-nbd/control.sock. For others: $XDG_RUNTIME_DIR/srp-nbd/control.sock, or
// /tmp/srp-nbd-UID/control.sock without a runtime directory. $SRP_NBD_CONTROL overrides it.
[[nodiscard]] std::string default_control_path();

// Members of orders.

struct SessionName : std::string {
  using std::string::string;
  SessionName(std::string name) : std::string(std::move(name)) {}
  static constexpr std::string_view kExpected = "a session's name, as list shows it";
  static constexpr auto is_valid = &is_valid_name;
};
struct Nothing {};
BOOST_DESCRIBE_STRUCT(Nothing, (), ())
using DoneAnswer = Nothing;
struct OfSession {
  SessionName name;
};
BOOST_DESCRIBE_STRUCT(OfSession, (), (name))
struct OfErase {
  SessionName name;
  Maybe<bool> force;         // also a session whose devices are in use
  Maybe<std::uint64_t> lun;  // only this unit; none: the session
};
BOOST_DESCRIBE_STRUCT(OfErase, (), (name, force, lun))
struct OfUnits {
  SessionName name;
  Maybe<std::uint64_t> lun;  // none: all units of the session
};
BOOST_DESCRIBE_STRUCT(OfUnits, (), (name, lun))
struct OfRamTarget {
  SessionName name;
  bool online = true;
};
BOOST_DESCRIBE_STRUCT(OfRamTarget, (), (name, online))
struct OfRamUnit {
  SessionName name;
  std::uint64_t lun = 0;
  bool mapped = true;
  Maybe<std::uint64_t> size_bytes;  // of a new unit; none: one that was unmapped before
};
BOOST_DESCRIBE_STRUCT(OfRamUnit, (), (name, lun, mapped, size_bytes))
struct OfFollower {
  Maybe<SessionName> name;  // none: all sessions
};
BOOST_DESCRIBE_STRUCT(OfFollower, (), (name))
struct OfReload {
  Maybe<bool> prune;  // erase the sessions that the configuration does not have any more
};
BOOST_DESCRIBE_STRUCT(OfReload, (), (prune))
// Its keys are the keys of the options (option.hpp).
struct OfNewSession {
  SessionRequest session;
  boost::json::object given;  // the given options, from which `session` is made
};

// Members of answers.

struct ListAnswer {
  std::vector<SessionView> sessions;
};
BOOST_DESCRIBE_STRUCT(ListAnswer, (), (sessions))
struct SessionAnswer {
  SessionView session;
};
BOOST_DESCRIBE_STRUCT(SessionAnswer, (), (session))
// The answer to a connect with "wait":false.
struct ConnectingSession {
  std::string name, state;
};
BOOST_DESCRIBE_STRUCT(ConnectingSession, (), (name, state))
struct ConnectingAnswer {
  ConnectingSession session;
};
BOOST_DESCRIBE_STRUCT(ConnectingAnswer, (), (session))
struct DisconnectAnswer {
  double disconnect_us = 0;
};
BOOST_DESCRIBE_STRUCT(DisconnectAnswer, (), (disconnect_us))
struct RescanAnswer {
  std::vector<std::uint64_t> found;  // the LUNs of units that the session did not have before
  SessionView session;
};
BOOST_DESCRIBE_STRUCT(RescanAnswer, (), (found, session))
// What a reload has done with a session of the configuration. Kinds are only added.
BOOST_DEFINE_FIXED_ENUM_CLASS(Reloaded, std::uint8_t, connecting, unchanged, changed, left_alone, erased)
[[nodiscard]] inline std::string to_string(Reloaded what) {
  return boost::describe::enum_to_string(what, "");
}
struct ReloadedSession {
  std::string name;
  std::string what;  // a Reloaded
  // changed: the options that differ from those of the running session, and of these the ones that have taken effect.
  std::vector<std::string> keys = {}, applied = {};
  std::optional<Failure> error = {};  // why it could not be done
};
BOOST_DESCRIBE_STRUCT(ReloadedSession, (), (name, what, keys, applied, error))
// One line for people: "a: unchanged".
[[nodiscard]] std::string reloaded_text(const ReloadedSession&);
struct ReloadAnswer {
  std::vector<ReloadedSession> sessions;
};
BOOST_DESCRIBE_STRUCT(ReloadAnswer, (), (sessions))
struct UnitTaskResult {
  std::uint64_t lun = 0;
  bool ok = false;
  std::optional<Failure> error;
};
BOOST_DESCRIBE_STRUCT(UnitTaskResult, (), (lun, ok, error))
struct UnitTaskAnswer {
  std::string name;
  std::vector<UnitTaskResult> luns;
};
BOOST_DESCRIBE_STRUCT(UnitTaskAnswer, (), (name, luns))

// The orders: command, members, answer.

template<std::size_t N>
struct Word {
  constexpr Word(const char (&word)[N]) { std::copy_n(word, N, text); }
  char text[N];
};
template<Word Command, class MembersOf, class AnswerTo>
struct OrderOf : MembersOf {
  static constexpr std::string_view kCommand = Command.text;
  using Members = MembersOf;
  using Answer = AnswerTo;
};
using ListOrder = OrderOf<"list", Nothing, ListAnswer>;
using ShowOrder = OrderOf<"show", OfSession, SessionAnswer>;
using ConnectOrder = OrderOf<"connect", OfNewSession, SessionAnswer>;
using DisconnectOrder = OrderOf<"disconnect", OfSession, DisconnectAnswer>;
using ReconnectOrder = OrderOf<"reconnect", OfSession, Nothing>;
using RescanOrder = OrderOf<"rescan", OfSession, RescanAnswer>;
using EraseOrder = OrderOf<"erase", OfErase, Nothing>;
using AbortOrder = OrderOf<"abort", OfUnits, UnitTaskAnswer>;
using ResetOrder = OrderOf<"reset", OfUnits, UnitTaskAnswer>;
using TargetOrder = OrderOf<"target", OfRamTarget, Nothing>;
using TargetUnitOrder = OrderOf<"target_unit", OfRamUnit, Nothing>;
using ReloadOrder = OrderOf<"reload", OfReload, ReloadAnswer>;
using EventsOrder = OrderOf<"events", OfFollower, Nothing>;  // then one line per event (reports.hpp)

using Order =
    std::variant<ListOrder, ShowOrder, ConnectOrder, DisconnectOrder, ReconnectOrder, RescanOrder, EraseOrder,
                 AbortOrder, ResetOrder, TargetOrder, TargetUnitOrder, ReloadOrder, EventsOrder>;

// Errors: bad_request (no JSON object, unknown command, missing or unknown key), invalid_argument (an option's
// value; for connect, also a missing or unknown key).
[[nodiscard]] Outcome<Order> parse_order(std::string_view line, const OptionTable& = options());
[[nodiscard]] boost::json::object order_json(const Order&);

// {"ok":true,…} and {"ok":false,"error":{…}}
template<Described Answer>
[[nodiscard]] boost::json::object answer_json(const Answer& answer) {
  boost::json::object object{{"ok", true}};
  const auto members = to_json(answer);
  object.insert(members.as_object().begin(), members.as_object().end());
  return object;
}
[[nodiscard]] boost::json::object answer_json(const Failure&);
[[nodiscard]] boost::json::object answer_json(const Outcome<>&);

}  // namespace srp_nbd
