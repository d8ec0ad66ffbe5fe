// SPDX-License-Identifier: Apache-2.0
// The first failure of a run: the checker, what it expected and what it saw.
#pragma once

#include <optional>
#include <string>

namespace srpi::sim {

enum class Checker : unsigned char {
  one_completion = 1,
  disk_contents,
  memory_access,
  request_limit,
  posted_receives,
  tag_reuse,
  baseline,
  replay,
  coverage,
  liveness,
};

[[nodiscard]] constexpr const char* to_string(Checker c) noexcept {
  switch (c) {
    case Checker::one_completion: return "one completion per request";
    case Checker::disk_contents: return "disk contents";
    case Checker::memory_access: return "memory access";
    case Checker::request_limit: return "request limit";
    case Checker::posted_receives: return "posted receives";
    case Checker::tag_reuse: return "tag reuse";
    case Checker::baseline: return "resources at the baseline";
    case Checker::replay: return "replay";
    case Checker::coverage: return "coverage";
    case Checker::liveness: return "liveness";
  }
  return "?";
}

struct Failure {
  Checker checker;
  std::string expected, seen;
};

class Checks {
 public:
  // Completions are noexcept, so a failure is stored, and the run ends at its next step.
  void fail(Checker checker, std::string expected, std::string seen) {
    if (!failure_) failure_ = {checker, std::move(expected), std::move(seen)};
  }
  [[nodiscard]] const std::optional<Failure>& failure() const noexcept { return failure_; }

 private:
  std::optional<Failure> failure_;
};

}  // namespace srpi::sim
