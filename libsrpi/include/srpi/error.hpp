// SPDX-License-Identifier: Apache-2.0
// Errors: one category of codes, conditions that say whether a retry can help, and Error, a code with its story.
#pragma once

#include <boost/assert/source_location.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <system_error>

namespace srpi {

// What an operation can fail with. The values are stable: they are never renumbered, only added to.
enum class Errc : std::uint8_t {
  ok = 0,

  // The session is not there (yet, or any more).
  no_connect = 1,         // the session is disconnected; outstanding and new requests fail with this, at once
  wrong_state = 2,        // the operation is not permitted in the session's present state
  unreachable = 3,        // address, route or peer cannot be reached
  refused = 4,            // the peer answers, but nothing listens at that port or service id
  connect_timed_out = 5,  // no answer within the connect deadline
  login_rejected = 6,     // the target refused the login for good (wrong ids, no access); see Error::detail
  login_no_resources = 7,  // the target refused the login for now
  protocol_error = 8,      // the peer sent something the standard does not allow
  identity_mismatch = 9,   // another logical unit answers where a known one was
  device_removed = 10,     // the RDMA device went away
  evicted = 11,            // another initiator logged in with our initiator port id

  // The request never left.
  invalid_argument = 20,
  out_of_range = 21,  // beyond the last block
  misaligned = 22,    // not a multiple of the logical block size
  too_large = 23,
  not_supported = 24,
  not_registered = 25,  // a buffer lies outside its registered memory
  write_protected = 26,
  no_such_lun = 27,
  already_exists = 28,
  not_found = 29,
  no_memory = 30,  // also RLIMIT_MEMLOCK
  permission_denied = 31,
  no_device = 32,  // no RDMA device, or a kernel module is missing

  // The target answered, and the answer is an error.
  timed_out = 40,  // no answer within the command deadline
  cancelled = 41,
  busy = 42,  // BUSY or TASK SET FULL, after the bounded retries
  reservation_conflict = 43,
  not_ready = 44,
  medium_error = 45,
  hardware_error = 46,
  illegal_request = 47,
  unit_attention = 48,  // kept coming after the bounded retries
  aborted_command = 49,
  out_of_space = 50,
  miscompare = 51,
  target_error = 52,    // any other status or sense key
  short_transfer = 53,  // GOOD status, but fewer bytes than asked for
};

// Classes of errors, to be compared with: `if (code == Condition::retry_same_path)`.
enum class Condition {
  retry_same_path = 1,  // the same request may succeed later over this session (busy, not ready, …)
  retry_other_path =
      2,          // nothing wrong with the medium: another path may succeed now (no_connect, timed_out, …)
  permanent = 3,  // a retry of the same request or login cannot help
};

[[nodiscard]] const char* to_string(Errc) noexcept;
[[nodiscard]] const std::error_category& error_category() noexcept;
[[nodiscard]] const std::error_category& condition_category() noexcept;
[[nodiscard]] inline std::error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), error_category()};
}
[[nodiscard]] inline std::error_condition make_error_condition(Condition c) noexcept {
  return {static_cast<int>(c), condition_category()};
}
// The errno that a block device reports for it (EIO for most, ENOSPC, EINVAL, …).
[[nodiscard]] int to_errno(Errc) noexcept;

// A code, and in words: who failed at what, what was expected, what was there instead.
struct Error {
  Errc code = Errc::ok;
  std::string detail;

  [[nodiscard]] std::string message() const;  // "login rejected: <detail>"
};

[[noreturn]] void throw_exception_from_error(const Error&, const boost::source_location&);

template<class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace srpi

template<>
struct std::is_error_code_enum<srpi::Errc> : std::true_type {};
template<>
struct std::is_error_condition_enum<srpi::Condition> : std::true_type {};
