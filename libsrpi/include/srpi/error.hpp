// SPDX-License-Identifier: Apache-2.0
// Errors: one category of codes, conditions that say whether a retry can help, and Error, a code with
// details.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace srpi {

// What an operation can fail with. error_codes.def has each code's value, meaning, condition and errno in one
// line.
enum class Errc : std::uint8_t {
#define SRPI_ERROR(name, value, ...) name = (value),
#include "srpi/error_codes.def"
#include "srpi/export.hpp"
};

// Classes of errors, to compare a code with: `if (code == Condition::retry_same_path)`. Errc::ok belongs to
// none.
enum class Condition : std::uint8_t {
  retry_same_path = 1,   // the same request may succeed later over this session
  retry_other_path = 2,  // another path may succeed now; true of each code of retry_same_path, too
  permanent = 3,         // a retry of the same request or login cannot help
};

// One line of error_codes.def.
struct ErrorDescription {
  Errc code;
  const char* name;     // "connect_timed_out": stable, for scripts
  const char* words;    // "connect timed out": for people, may change
  Condition condition;  // retry_same_path is also retry_other_path
  int posix;            // the errno that a block device reports
  const char* meaning;  // one or two sentences
};
// All lines, in the order of their codes.
[[nodiscard]] SRPI_EXPORT std::span<const ErrorDescription> error_descriptions() noexcept;

[[nodiscard]] SRPI_EXPORT const char* to_string(Errc) noexcept;       // ErrorDescription::words
[[nodiscard]] SRPI_EXPORT std::string_view code_name(Errc) noexcept;  // ErrorDescription::name
[[nodiscard]] SRPI_EXPORT int to_errno(Errc) noexcept;                // ErrorDescription::posix
// The code with that name, or nullopt.
[[nodiscard]] SRPI_EXPORT std::optional<Errc> parse_code_name(std::string_view) noexcept;

[[nodiscard]] SRPI_EXPORT const std::error_category& error_category() noexcept;
[[nodiscard]] SRPI_EXPORT const std::error_category& condition_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}
[[nodiscard]] inline std::error_condition make_error_condition(Condition c) noexcept {
  return {static_cast<int>(c), condition_category()};
}

// A code with details: which operation failed, what was expected, what was found. The detail is empty if
// there was no memory for it.
struct SRPI_EXPORT Error {
  Errc code = Errc::ok;
  std::string detail;

  [[nodiscard]] std::string message() const;  // "login rejected: <detail>"
};

// Result::value() throws this if there is no value: std::system_error with the code and the detail.
[[noreturn]] SRPI_EXPORT void throw_exception_from_error(const Error&, const boost::source_location&);

template<class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace srpi

template<>
struct std::is_error_code_enum<srpi::Errc> : std::true_type {};
template<>
struct std::is_error_condition_enum<srpi::Condition> : std::true_type {};
