// SPDX-License-Identifier: Apache-2.0
// What `sync` plans. Pure: from the text of a list and the daemon's sessions to steps, after which every listed
// target has a session that is live or tries to be live.
//
// The list has one target per line, in the form of `ibsrpdm -c` or in any other form that connect accepts. Blank
// lines and '#' comments are skipped. A comment has its own line, or follows a target and a blank.
//
// Limits: 1 MiB of text, 256 targets, lines as long as a target may be.
#pragma once

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/reports.hpp"
#include "srpi/target_address.hpp"

namespace srp_nbd {

constexpr std::size_t kMaxTargetListBytes = 1 << 20;
constexpr std::size_t kMaxListedTargets = 256;

struct ListedTarget {
  std::size_t line = 0;  // from 1
  srpi::Target target;
};

struct ListRemark {
  std::size_t line = 0, column = 0;  // from 1
  std::string message;
};
BOOST_DESCRIBE_STRUCT(ListRemark, (), (line, column, message))

struct TargetList {
  std::vector<ListedTarget> targets;  // without repetitions, in the order of the text
  std::vector<ListRemark> errors;     // one per bad line
  std::vector<ListRemark> repeated;   // one per target that an earlier line has
};

[[nodiscard]] TargetList parse_target_list(std::string_view text);

// connect: the daemon has no session with this target. reconnect: it has one, and the connection was lost.
// none: the session is live, or logs in. leave_alone: an administrator disconnected it.
BOOST_DEFINE_FIXED_ENUM_CLASS(SyncAction, std::uint8_t, connect, reconnect, none, leave_alone)

struct SyncStep {
  const ListedTarget* target = nullptr;
  SyncAction action = SyncAction::none;
  std::string session;  // its name; empty for `connect`
  std::string state;    // in the words of `list`
};

// `sessions` is the answer of `list`. Each of several sessions with one target has a step. The list must
// outlive the steps.
[[nodiscard]] std::vector<SyncStep> plan_sync(const TargetList&, const std::vector<SessionView>& sessions);

}  // namespace srp_nbd
