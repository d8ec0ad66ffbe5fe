// SPDX-License-Identifier: Apache-2.0
// The options of a session, each described once: the library's (srpi/session_option_table.hpp) and the
// program's. The command line, the configuration, the control socket, `show` and the manual use this table.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/session_request.hpp"
#include "control/settings.hpp"
#include "srpi/session_option_table.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

struct Option {
  enum class Use : std::uint8_t {
    one_session,  // must be different for each session
    any_session,
    order,  // only of an order to the daemon, not of a configured session
  };

  std::string key;       // in the configuration and on the control socket
  std::string flag;      // on the command line
  std::string argument;  // the argument of the flag; empty: none
  Use use = Use::any_session;
  std::string meaning, range, default_text;
  // The failure's message is "expected …, got …". The caller adds the key or the flag before it.
  std::function<Outcome<>(SessionRequest&, const OptionValue&)> set;
  std::function<OptionValue(const srpi::SessionOptions&)> get;  // for reports; empty: not reported

  [[nodiscard]] bool is_list() const { return key == "luns"; }
  [[nodiscard]] bool is_positional() const { return !flag.starts_with("--"); }
  // The flag of a switch that is on by default is --no-…, and sets false.
  [[nodiscard]] bool switches_to() const { return default_text != "true"; }
  [[nodiscard]] std::string usage() const { return argument.empty() ? flag : flag + " " + argument; }
};

using OptionTable = std::vector<Option>;

[[nodiscard]] const OptionTable& options();
// The program's options, then those of the library for programs.
[[nodiscard]] OptionTable make_option_table(std::span<const srpi::SessionOption>);
[[nodiscard]] const Option* find_option(const OptionTable&, std::string_view key);

// Sets one option by its key. Errors: invalid_argument with the key, the expected and the given value.
[[nodiscard]] Outcome<> set_option(SessionRequest&, std::string_view key, const OptionValue&,
                                   const OptionTable& = options());

[[nodiscard]] Settings settings_of(const srpi::SessionOptions&, const OptionTable& = options());

// The manual's table of options in Markdown.
[[nodiscard]] std::string options_manual(const OptionTable& = options());

}  // namespace srp_nbd
