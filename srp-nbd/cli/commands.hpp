// SPDX-License-Identifier: Apache-2.0
// What each command does once its arguments are known. All print to stdout what a script wants, to stderr what a
// person needs, and return the exit code.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/session_request.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

// The fields of a session as the command line gave them, by their names in session_request.hpp.
using SessionFields = std::vector<std::pair<std::string, FieldValue>>;

struct SyncArguments {
  std::string list_path;  // empty or "-": standard input
  SessionFields fields;   // of every session that is made
  bool is_dry_run = false, as_json = false;
};

struct UnitTaskArguments {
  std::string command;  // "abort" or "reset"
  std::string session;
  std::optional<std::int64_t> lun;
  bool as_json = false;
};

struct DaemonArguments {
  std::string config_path;
  std::string control_path;
  bool foreground = false;
};

[[nodiscard]] ExitCode run_daemon_command(const DaemonArguments&);
[[nodiscard]] ExitCode run_session_command(const std::string& control_path, const SessionFields&);
[[nodiscard]] ExitCode connect_command(const std::string& control_path, const SessionFields&, bool as_json);
[[nodiscard]] ExitCode list_command(const std::string& control_path, bool as_json);
[[nodiscard]] ExitCode show_command(const std::string& control_path, const std::string& name, bool as_json);
[[nodiscard]] ExitCode disconnect_command(const std::string& control_path, const std::string& name);
[[nodiscard]] ExitCode reconnect_command(const std::string& control_path, const std::string& name);
[[nodiscard]] ExitCode erase_command(const std::string& control_path, const std::string& name);
// abort and reset. lun: all of the session's where it is unset. Fails if any unit does.
[[nodiscard]] ExitCode unit_task_command(const std::string& control_path, const UnitTaskArguments&);
[[nodiscard]] ExitCode target_command(const std::string& control_path, const std::string& name, bool online);
// Brings the daemon's sessions to what the list says; connects and reconnects, erases nothing.
[[nodiscard]] ExitCode sync_command(const std::string& control_path, const SyncArguments&);
// name: empty for all sessions. Returns when the daemon ends.
[[nodiscard]] ExitCode events_command(const std::string& control_path, const std::string& name, bool as_json);

// The order that connects a session with these fields, checked here already, so that a slip of the pen is answered
// without a daemon.
struct ConnectOrder {
  SessionRequest request;
  boost::json::object order;
  std::chrono::milliseconds deadline{};  // of the answer
};
[[nodiscard]] Outcome<ConnectOrder> connect_order(const SessionFields&);

// "srp-nbd: MESSAGE" on stderr.
ExitCode report(const Failure&);

}  // namespace srp_nbd
