// SPDX-License-Identifier: Apache-2.0
// Every option of a session, described once. SessionOptions::validate checks by this table; programs make their
// configuration keys, command line options, reports and manuals from it. A new option is a member of SessionOptions
// and one line in session_option_table.cpp.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "srpi/export.hpp"
#include "srpi/session_options.hpp"

namespace srpi {

// A value as people write it, whichever the syntax: on a command line every value is a text.
using OptionValue = std::variant<bool, std::int64_t, std::string, std::vector<std::uint64_t>>;

struct SRPI_EXPORT SessionOption {
  // The member's type says how the value is written. Form names the types, in the same order.
  using Member = std::variant<bool SessionOptions::*,                          // true or false
                              std::uint8_t SessionOptions::*,                  // a whole number
                              std::uint32_t SessionOptions::*,                 // a whole number
                              Milliseconds SessionOptions::*,                  // a whole number
                              OptionalMilliseconds SessionOptions::*,          // a whole number, or "off"
                              std::optional<std::uint64_t> SessionOptions::*,  // up to 16 hex digits
                              std::optional<PortId> SessionOptions::*,         // 32 hex digits
                              std::vector<std::uint64_t> SessionOptions::*>;   // a list of LUNs
  enum class Form : std::uint8_t { boolean, small_number, number, time, optional_time, hex, port_id, luns };
  // library: only a caller of the library sets the option. programs: an operator may set it, too.
  enum class Audience : std::uint8_t { library, programs };

  std::string_view name;  // of the member
  Member member;
  std::int64_t least = 0, most = 0;  // of a number, in its unit; of a list: how many
  std::string_view unit;             // "ms", "bytes", "commands"; empty: none
  Audience audience = Audience::library;
  std::int64_t least_in_programs = 0;  // programs may be stricter
  // One sentence, without range and default; of a switch that is on by default: what switching it off does.
  std::string_view meaning;
  bool changes_live = false;  // by Session::change_options

  [[nodiscard]] std::string key() const;            // name, and what it counts: "keepalive_ms"
  [[nodiscard]] std::string_view argument() const;  // for a usage line: "MS|off"; empty: true or false
  [[nodiscard]] std::string expected() const;       // "milliseconds from 100 to 86400000, or off"
  [[nodiscard]] std::string range() const;          // the same, shorter, for a manual: "100 to 86400000, off"
  // A setting has a value in every session. Ids and lists may be left to the library, and are reported elsewhere.
  [[nodiscard]] bool is_setting() const noexcept { return form() <= Form::optional_time; }
  [[nodiscard]] Form form() const noexcept { return static_cast<Form>(member.index()); }

  // The limits for programs hold. Errors: invalid_argument; the detail says what was expected and what came.
  [[nodiscard]] Result<> set(SessionOptions&, const OptionValue&) const;
  [[nodiscard]] OptionValue get(const SessionOptions&) const;
  void copy(const SessionOptions& from, SessionOptions& to) const;
  // Errors: invalid_argument, naming the option, its value and its range.
  [[nodiscard]] Result<> validate(const SessionOptions&) const;
};

[[nodiscard]] SRPI_EXPORT std::span<const SessionOption> session_option_table() noexcept;

// "expected EXPECTED, got VALUE", of at most a line.
[[nodiscard]] SRPI_EXPORT std::string unexpected(std::string_view expected, const OptionValue& got);
// The number that the value is, or that its text writes.
[[nodiscard]] SRPI_EXPORT std::optional<std::int64_t> whole_number(const OptionValue&);

}  // namespace srpi
