// SPDX-License-Identifier: Apache-2.0
// The targets that `sync` is told of: one a line, as `ibsrpdm -c` prints them or in any other form that
// connect takes. Blank lines and '#' comments (alone in their line, or after a blank behind the target) are
// skipped.
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
  std::vector<ListedTarget> targets;  // each once, in the order of the text
  std::vector<ListRemark> errors;     // a line each; the other lines are good
  std::vector<ListRemark> repeated;   // a target that an earlier line names
};

[[nodiscard]] TargetList parse_target_list(std::string_view text);

// The same target: target port id and address (and partition and service id) are the same, however written.
// Where both say from which of our ports, that too.
[[nodiscard]] bool is_same_target(const srpi::TargetAddress&, const srpi::TargetAddress&);

}  // namespace srp_nbd
