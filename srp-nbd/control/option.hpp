// SPDX-License-Identifier: Apache-2.0
// The options that make a session, each described once: those of the library (srpi/session_option_table.hpp) and our
// own. The command line, the configuration, the control socket, `show` and the manual are made from this table.
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
    one_session,  // cannot be the same for many sessions
    any_session,
    order,  // of an order to the daemon; a configured session has no use for it
  };

  std::string key;       // of the configuration and of the control socket
  std::string flag;      // of the command line
  std::string argument;  // what stands behind the flag; empty: nothing
  Use use = Use::any_session;
  std::string meaning, range, default_text;
  // The failure's message is "expected …, got …", to be put behind the key or the flag.
  std::function<Outcome<>(SessionRequest&, const OptionValue&)> set;
  std::function<OptionValue(const srpi::SessionOptions&)>
      get;  // of a setting that reports show; empty: not shown

  [[nodiscard]] bool is_list() const { return key == "luns"; }
  [[nodiscard]] bool is_positional() const { return !flag.starts_with("--"); }
  // A switch that is on by default is written --no-…, and sets false.
  [[nodiscard]] bool switches_to() const { return default_text != "true"; }
  [[nodiscard]] std::string usage() const { return argument.empty() ? flag : flag + " " + argument; }
};

using OptionTable = std::vector<Option>;

[[nodiscard]] const OptionTable& options();
// Ours, then those of these that are for programs.
[[nodiscard]] OptionTable make_option_table(std::span<const srpi::SessionOption>);
[[nodiscard]] const Option* find_option(const OptionTable&, std::string_view key);

// Sets one option by its key. Errors: invalid_argument, naming the key, what it expects and what it got.
[[nodiscard]] Outcome<> set_option(SessionRequest&, std::string_view key, const OptionValue&,
                                   const OptionTable& = options());

[[nodiscard]] Settings settings_of(const srpi::SessionOptions&, const OptionTable& = options());

// The manual's table of options, in Markdown.
[[nodiscard]] std::string options_manual(const OptionTable& = options());

}  // namespace srp_nbd
