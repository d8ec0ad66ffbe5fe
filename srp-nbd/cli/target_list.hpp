// SPDX-License-Identifier: Apache-2.0
// The list of targets for `sync`: one target per line, in the form of `ibsrpdm -c` or in any other form that
// connect accepts. Blank lines and '#' comments are skipped. A comment has its own line, or follows a target
// and a blank.
//
// Limits: 1 MiB of text, 256 targets, lines as long as a target may be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

struct TargetList {
  std::vector<ListedTarget> targets;  // without repetitions, in the order of the text
  std::vector<ListRemark> errors;     // one per bad line
  std::vector<ListRemark> repeated;   // one per target that an earlier line has
};

[[nodiscard]] TargetList parse_target_list(std::string_view text);

// True if target port id, address, partition and service id are the same in any notation, and also our port
// if both name one.
[[nodiscard]] bool is_same_target(const srpi::TargetAddress&, const srpi::TargetAddress&);

}  // namespace srp_nbd
