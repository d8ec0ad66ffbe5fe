// SPDX-License-Identifier: Apache-2.0
#include "srpi/error.hpp"

#include <cerrno>

namespace srpi {
namespace {

class ErrorCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "srpi"; }
  std::string message(int value) const override { return to_string(static_cast<Errc>(value)); }
  bool equivalent(int value, const std::error_condition& condition) const noexcept override;
};

class ConditionCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "srpi.condition"; }
  std::string message(int value) const override {
    switch (static_cast<Condition>(value)) {
      case Condition::retry_same_path:
        return "a retry over the same path may help";
      case Condition::retry_other_path:
        return "a retry over another path may help";
      case Condition::permanent:
        return "a retry cannot help";
    }
    return "unknown condition";
  }
};

bool retry_same_path(Errc e) {
  switch (e) {
    case Errc::no_connect:
    case Errc::unreachable:
    case Errc::refused:
    case Errc::connect_timed_out:
    case Errc::login_no_resources:
    case Errc::busy:
    case Errc::not_ready:
    case Errc::unit_attention:
    case Errc::aborted_command:
    case Errc::timed_out:
      return true;
    default:
      return false;
  }
}

bool retry_other_path(Errc e) {
  switch (e) {
    case Errc::login_rejected:
    case Errc::protocol_error:
    case Errc::device_removed:
    case Errc::evicted:
    case Errc::hardware_error:
      return true;
    default:
      return retry_same_path(e);
  }
}

bool ErrorCategory::equivalent(int value, const std::error_condition& condition) const noexcept {
  const auto e = static_cast<Errc>(value);
  if (condition.category() == condition_category()) {
    switch (static_cast<Condition>(condition.value())) {
      case Condition::retry_same_path:
        return retry_same_path(e);
      case Condition::retry_other_path:
        return retry_other_path(e);
      case Condition::permanent:
        return e != Errc::ok && !retry_same_path(e) && !retry_other_path(e);
    }
  }
  if (condition.category() == std::generic_category()) return to_errno(e) == condition.value();
  return std::error_category::equivalent(value, condition);
}

}  // namespace

const std::error_category& error_category() noexcept {
  static const ErrorCategory category;
  return category;
}

const std::error_category& condition_category() noexcept {
  static const ConditionCategory category;
  return category;
}

const char* to_string(Errc e) noexcept {
  switch (e) {
    case Errc::ok:
      return "ok";
    case Errc::no_connect:
      return "not connected";
    case Errc::wrong_state:
      return "not permitted in this state";
    case Errc::unreachable:
      return "unreachable";
    case Errc::refused:
      return "connection refused";
    case Errc::connect_timed_out:
      return "connect timed out";
    case Errc::login_rejected:
      return "login rejected";
    case Errc::login_no_resources:
      return "login rejected for now";
    case Errc::protocol_error:
      return "protocol error";
    case Errc::identity_mismatch:
      return "a different logical unit answers";
    case Errc::device_removed:
      return "RDMA device removed";
    case Errc::evicted:
      return "evicted by another login with the same initiator port id";
    case Errc::invalid_argument:
      return "invalid argument";
    case Errc::out_of_range:
      return "out of range";
    case Errc::misaligned:
      return "misaligned";
    case Errc::too_large:
      return "too large";
    case Errc::not_supported:
      return "not supported";
    case Errc::not_registered:
      return "memory not registered";
    case Errc::write_protected:
      return "write protected";
    case Errc::no_such_lun:
      return "no such logical unit";
    case Errc::already_exists:
      return "already exists";
    case Errc::not_found:
      return "not found";
    case Errc::no_memory:
      return "out of memory";
    case Errc::permission_denied:
      return "permission denied";
    case Errc::no_device:
      return "no device";
    case Errc::timed_out:
      return "timed out";
    case Errc::cancelled:
      return "cancelled";
    case Errc::busy:
      return "target busy";
    case Errc::reservation_conflict:
      return "reservation conflict";
    case Errc::not_ready:
      return "not ready";
    case Errc::medium_error:
      return "medium error";
    case Errc::hardware_error:
      return "hardware error";
    case Errc::illegal_request:
      return "illegal request";
    case Errc::unit_attention:
      return "unit attention";
    case Errc::aborted_command:
      return "aborted command";
    case Errc::out_of_space:
      return "out of space";
    case Errc::miscompare:
      return "miscompare";
    case Errc::target_error:
      return "target error";
    case Errc::short_transfer:
      return "short transfer";
  }
  return "unknown error";
}

int to_errno(Errc e) noexcept {
  switch (e) {
    case Errc::ok:
      return 0;
    case Errc::invalid_argument:
    case Errc::out_of_range:
    case Errc::misaligned:
    case Errc::too_large:
    case Errc::not_registered:
      return EINVAL;
    case Errc::not_supported:
      return EOPNOTSUPP;
    case Errc::write_protected:
      return EPERM;
    case Errc::no_memory:
      return ENOMEM;
    case Errc::permission_denied:
      return EPERM;
    case Errc::out_of_space:
      return ENOSPC;
    case Errc::already_exists:
      return EEXIST;
    case Errc::not_found:
    case Errc::no_such_lun:
    case Errc::no_device:
      return ENODEV;
    case Errc::cancelled:
      return ECANCELED;
    default:
      return EIO;
  }
}

std::string Error::message() const {
  std::string text = to_string(code);
  if (!detail.empty()) text += ": " + detail;
  return text;
}

void throw_exception_from_error(const Error& e, const boost::source_location&) {
  throw std::system_error(make_error_code(e.code), e.detail);
}

}  // namespace srpi
