// SPDX-License-Identifier: Apache-2.0
#include "support/failure.hpp"

#include <stdexcept>

namespace srp_nbd {

Failure::Failure(const srpi::Error& error) : code(code_name(error.code)), message(error.message()) {}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}

ExitCode exit_code_of(std::string_view failure_code) noexcept {
  if (failure_code == "usage" || failure_code == "invalid_argument" || failure_code == "bad_config" ||
      failure_code == "bad_request")
    return ExitCode::usage;
  if (failure_code == "no_daemon") return ExitCode::no_daemon;
  if (failure_code == "no_such_session") return ExitCode::no_such_session;
  if (failure_code == "permission_denied") return ExitCode::permission;
  return ExitCode::failed;
}

}  // namespace srp_nbd
