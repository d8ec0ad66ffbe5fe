// SPDX-License-Identifier: Apache-2.0
// The request for a session, and the table of its options, each described once: the program's, and the library's
// from srpi/session_option_table.hpp. The command line, the configuration, the control socket, `show` and the manual
// use this table.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "srpi/session_option_table.hpp"
#include "srpi/target_address.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

using srpi::OptionValue;

inline constexpr std::size_t kMaxSessions = 256;  // per daemon

// The index N of /dev/nbdN by LUN; with no LUN, of a session's single unit. All other units get the first free devices.
using DeviceIndices = std::map<std::optional<std::uint64_t>, std::uint32_t>;

// The values of all options.
struct SessionRequest {
  std::string name;  // empty: the daemon chooses one
  srpi::Target target;
  bool has_target = false;
  srpi::SessionOptions options;
  DeviceIndices devices;    // kernel devices
  std::string listen_path;  // serve NBD on this Unix socket instead of a kernel device
  bool wait = true;         // if the first login fails, the session is erased
};

// Checks a whole request: it has a target, it has not both device and listen, and SessionOptions::validate holds.
// First copies the options of the target's text, which win, into `options`.
[[nodiscard]] Outcome<> check_request(SessionRequest&);
// Replaces "{name}" in the listen path by the session's name. Errors: invalid_argument (the path is too
// long).
[[nodiscard]] Outcome<> fill_in_name(SessionRequest&);
// A session name: 1..64 letters, digits, '-', '_', '.', ':'; not "." or "..".
[[nodiscard]] bool is_valid_name(std::string_view) noexcept;

struct Option {
  enum class Use : std::uint8_t {
    one_session,  // must be different for each session
    any_session,
    order,  // only of an order to the daemon, not of a configured session
  };
  // Returns false if the option does not accept the value.
  using Setter = Outcome<bool> (*)(SessionRequest&, const OptionValue&);

  std::string key;       // in the configuration and on the control socket
  std::string flag;      // on the command line
  std::string argument;  // the argument of the flag; empty: none
  Use use = Use::any_session;
  std::string meaning, range, default_text;
  Setter set_own = nullptr;  // of the program's options
  std::optional<srpi::SessionOption> of_library = {};

  // Errors: invalid_argument; the message is "CALLED: expected …, got …".
  [[nodiscard]] Outcome<> set(SessionRequest&, const OptionValue&, std::string_view called) const;

  [[nodiscard]] bool is_list() const { return key == "luns"; }
  // A text that the command line may give in several parts, which commas join.
  [[nodiscard]] bool is_joined() const { return key == "device"; }
  [[nodiscard]] bool changes_live() const { return of_library && of_library->changes_live; }
  [[nodiscard]] bool is_positional() const { return !flag.starts_with("--"); }
  [[nodiscard]] bool is_switch() const { return argument.empty() && !is_positional(); }
  // The flag of a switch that is on by default is --no-…, and sets false.
  [[nodiscard]] bool switches_to() const { return default_text != "true"; }
};

using OptionTable = std::vector<Option>;

[[nodiscard]] const OptionTable& options();
// The program's options, then those of the library for programs.
[[nodiscard]] OptionTable make_option_table(std::span<const srpi::SessionOption>);
[[nodiscard]] const Option* find_option(const OptionTable&, std::string_view key);

// Sets one option by its key. Errors: invalid_argument with the key, the expected and the given value.
[[nodiscard]] Outcome<> set_option(SessionRequest&, std::string_view key, const OptionValue&,
                                   const OptionTable& = options());

// The keys of the options that differ, except the name and what belongs to an order.
[[nodiscard]] std::vector<std::string> differing_keys(const SessionRequest&, const SessionRequest&,
                                                      const OptionTable& = options());

// A whole number of up to 64 bits, as a LUN is; nullopt if the text is anything else.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view digits);
// Returns nullopt unless it is a text, whole number, boolean or list of whole numbers; or, for an option that is joined,
// an object of texts: {"1":"a","2":"b"} is the text "1=a,2=b".
[[nodiscard]] std::optional<OptionValue> option_value(const boost::json::value&, const Option*);
inline constexpr std::string_view kOptionValueForms =
    "a text, a whole number, true, false or a list of numbers";

// The options that are settings, by their keys.
[[nodiscard]] boost::json::object settings_of(const srpi::SessionOptions&, const OptionTable& = options());
// The manual's table of options in Markdown.
[[nodiscard]] std::string options_manual(const OptionTable& = options());

}  // namespace srp_nbd
