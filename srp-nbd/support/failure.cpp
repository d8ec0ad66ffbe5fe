// SPDX-License-Identifier: Apache-2.0
#include "support/failure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <stdexcept>

#include "srpi/printable.hpp"

namespace srp_nbd {

Failure::Failure(const srpi::Error& error) : code(code_name(error.code)), message(error.message()) {}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}

Failure system_failure(std::string_view what, int error) {
  const char* code = "failed";
  if (error == EACCES || error == EPERM || error == EROFS) code = "permission_denied";
  if (error == ENOENT || error == ENOTDIR) code = "not_found";
  if (error == EADDRINUSE) code = "already_exists";
  if (error == EMFILE || error == ENFILE || error == ENOMEM) code = "no_memory";
  return {code, fmt::format("{}: {}", what, std::strerror(error))};
}

ExitCode exit_code_of(std::string_view failure_code) noexcept {
  const auto* found = std::ranges::find(kFailureCodes, failure_code, &FailureCode::code);
  return found == std::end(kFailureCodes) ? ExitCode::failed : found->exit_code;
}

ExitCode report(const Failure& failure) {
  std::fflush(stdout);
  std::fprintf(stderr, "srp-nbd: %s\n", srpi::printable(failure.message, true).c_str());
  return exit_code_of(failure.code);
}

}  // namespace srp_nbd
