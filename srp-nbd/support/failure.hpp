// SPDX-License-Identifier: Apache-2.0
// What the daemon answers when it cannot do what was asked: a stable code for scripts, and words for people.
#pragma once

#include <boost/describe/class.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "srpi/error.hpp"

namespace srp_nbd {

struct Failure {
  std::string code;     // snake_case; listed in docs/srp-nbd.md
  std::string message;  // what failed, what was expected, what to do

  Failure() = default;
  Failure(std::string c, std::string m) : code(std::move(c)), message(std::move(m)) {}
  explicit Failure(const srpi::Error& error);
};
BOOST_DESCRIBE_STRUCT(Failure, (), (code, message))

// What a Result<T, Failure>::value() throws; nothing here calls it without asking first.
[[noreturn]] void throw_exception_from_error(const Failure&, const boost::source_location&);

template<class T = void>
using Outcome = boost::system::result<T, Failure>;

// The failure of a system call: "WHAT: the error's words". The code is permission_denied, not_found,
// already_exists, no_memory or failed.
[[nodiscard]] Failure system_failure(std::string_view what, int error);

// The exit codes of all srp-nbd commands.
enum class ExitCode : int {
  ok = 0,
  failed = 1,
  usage = 2,
  no_daemon = 3,
  no_such_session = 4,
  permission = 5,
  out_of_memory = 6,
};

// The daemon's codes, and the library's codes with a special exit code.
struct FailureCode {
  std::string_view code;
  ExitCode exit_code;
};
inline constexpr FailureCode kFailureCodes[] = {
    {"failed", ExitCode::failed},
    {"bad_answer", ExitCode::failed},
    {"usage", ExitCode::usage},
    {"bad_config", ExitCode::usage},
    {"bad_request", ExitCode::usage},
    {"invalid_argument", ExitCode::usage},
    {"no_daemon", ExitCode::no_daemon},
    {"no_such_session", ExitCode::no_such_session},
    {"permission_denied", ExitCode::permission},
};
[[nodiscard]] ExitCode exit_code_of(std::string_view failure_code) noexcept;

// Prints "srp-nbd: MESSAGE" on standard error, after the text on standard output.
ExitCode report(const Failure&);

}  // namespace srp_nbd
