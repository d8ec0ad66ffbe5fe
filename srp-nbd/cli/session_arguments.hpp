// SPDX-License-Identifier: Apache-2.0
// The options of a session (control/option.hpp) as arguments of a command.
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
  // The values are checked here, too, so that an error is reported also without a daemon. `target` is used if
  // the arguments have none.
  [[nodiscard]] Outcome<ConnectOrder> order(const std::string& target = {}) const;

 private:
  struct Given {
    std::string text;
    std::vector<std::int64_t> list;
    bool is_set = false;
  };
  const Wanted wanted_;
  const OptionTable& table_;
  std::map<std::string, Given> given_;  // by key; CLI11 keeps references to the values
};

// The time for the answer to a connect: its own timeout, and the time to publish the largest number of
// devices.
[[nodiscard]] Patience patience_for(const ConnectOrder&);

}  // namespace srp_nbd
