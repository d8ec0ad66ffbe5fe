// SPDX-License-Identifier: Apache-2.0
// The options that make a session (control/option.hpp) as arguments of a command.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/client.hpp"
#include "control/orders.hpp"

namespace srp_nbd {

class SessionArguments {
 public:
  enum class Wanted : std::uint8_t {
    one_session,     // connect
    many_sessions,   // sync
    without_daemon,  // run
  };
  explicit SessionArguments(Wanted wanted, const OptionTable& table = options())
      : wanted_(wanted), table_(table) {}

  void add_to(CLI::App&);
  // Checked here already, so that a slip of the pen is answered without a daemon. target: where the arguments have none.
  [[nodiscard]] Outcome<ConnectOrder> order(const std::string& target = {}) const;

 private:
  struct Given {
    std::string text;
    std::vector<std::int64_t> list;
    bool is_set = false;
  };
  const Wanted wanted_;
  const OptionTable& table_;
  std::map<std::string, Given> given_;  // by key; CLI11 keeps references into it
};

// For the answer to a connect: beyond its own timeout, time to publish as many devices as a target may have.
[[nodiscard]] Patience patience_for(const ConnectOrder&);

}  // namespace srp_nbd
