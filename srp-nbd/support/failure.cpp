// SPDX-License-Identifier: Apache-2.0
#include "support/failure.hpp"

#include <stdexcept>

namespace srp_nbd {

Failure::Failure(const srpi::Error& error) : code(code_name(error.code)), message(error.message()) {}

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}

std::string_view code_name(srpi::Errc code) noexcept {
  using srpi::Errc;
  switch (code) {
    case Errc::ok:
      return "ok";
    case Errc::no_connect:
      return "no_connect";
    case Errc::wrong_state:
      return "wrong_state";
    case Errc::unreachable:
      return "unreachable";
    case Errc::refused:
      return "refused";
    case Errc::connect_timed_out:
      return "connect_timed_out";
    case Errc::login_rejected:
      return "login_rejected";
    case Errc::login_no_resources:
      return "login_no_resources";
    case Errc::protocol_error:
      return "protocol_error";
    case Errc::identity_mismatch:
      return "identity_mismatch";
    case Errc::device_removed:
      return "device_removed";
    case Errc::evicted:
      return "evicted";
    case Errc::invalid_argument:
      return "invalid_argument";
    case Errc::out_of_range:
      return "out_of_range";
    case Errc::misaligned:
      return "misaligned";
    case Errc::too_large:
      return "too_large";
    case Errc::not_supported:
      return "not_supported";
    case Errc::not_registered:
      return "not_registered";
    case Errc::write_protected:
      return "write_protected";
    case Errc::no_such_lun:
      return "no_such_lun";
    case Errc::already_exists:
      return "already_exists";
    case Errc::not_found:
      return "not_found";
    case Errc::no_memory:
      return "no_memory";
    case Errc::permission_denied:
      return "permission_denied";
    case Errc::no_device:
      return "no_device";
    case Errc::timed_out:
      return "timed_out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::busy:
      return "busy";
    case Errc::reservation_conflict:
      return "reservation_conflict";
    case Errc::not_ready:
      return "not_ready";
    case Errc::medium_error:
      return "medium_error";
    case Errc::hardware_error:
      return "hardware_error";
    case Errc::illegal_request:
      return "illegal_request";
    case Errc::unit_attention:
      return "unit_attention";
    case Errc::aborted_command:
      return "aborted_command";
    case Errc::out_of_space:
      return "out_of_space";
    case Errc::miscompare:
      return "miscompare";
    case Errc::target_error:
      return "target_error";
    case Errc::short_transfer:
      return "short_transfer";
  }
  return "unknown";
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
