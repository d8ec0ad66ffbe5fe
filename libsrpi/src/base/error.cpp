// SPDX-License-Identifier: Apache-2.0
#include "srpi/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

namespace srpi {
namespace {

namespace retry {
constexpr auto same_path = Condition::retry_same_path;
constexpr auto other_path = Condition::retry_other_path;
constexpr auto never = Condition::permanent;
}  // namespace retry

constexpr std::array kDescriptions{
#define SRPI_ERROR(name, value, words, when, posix, meaning) \
  ErrorDescription{Errc::name, #name, words, retry::when, posix, meaning},
#include "srpi/error_codes.def"
};

constexpr ErrorDescription kUnknown{Errc::ok, "unknown", "unknown error", Condition::permanent, EIO, ""};

const ErrorDescription& describe(Errc code) noexcept {
  const auto* const line = std::ranges::find(kDescriptions, code, &ErrorDescription::code);
  return line != kDescriptions.end() ? *line : kUnknown;
}

class ErrorCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "srpi"; }
  std::string message(int value) const override { return to_string(static_cast<Errc>(value)); }
  bool equivalent(int value, const std::error_condition& condition) const noexcept override {
    const auto code = static_cast<Errc>(value);
    if (condition.category() == condition_category()) {
      const auto own = describe(code).condition;
      const auto asked = static_cast<Condition>(condition.value());
      return code != Errc::ok &&
             (asked == own || (asked == Condition::retry_other_path && own == Condition::retry_same_path));
    }
    if (condition.category() == std::generic_category()) return to_errno(code) == condition.value();
    return std::error_category::equivalent(value, condition);
  }
};

class ConditionCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "srpi.condition"; }
  std::string message(int value) const override {
    switch (static_cast<Condition>(value)) {
      case Condition::retry_same_path: return "a retry over the same path may help";
      case Condition::retry_other_path: return "a retry over another path may help";
      case Condition::permanent: return "a retry cannot help";
    }
    return "unknown condition";
  }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const ErrorCategory category;
  return category;
}

const std::error_category& condition_category() noexcept {
  static const ConditionCategory category;
  return category;
}

std::span<const ErrorDescription> error_descriptions() noexcept { return kDescriptions; }

const char* to_string(Errc code) noexcept { return describe(code).words; }

std::string_view code_name(Errc code) noexcept { return describe(code).name; }

int to_errno(Errc code) noexcept { return describe(code).posix; }

std::optional<Errc> parse_code_name(std::string_view name) noexcept {
  for (const auto& line : kDescriptions)
    if (name == line.name) return line.code;
  return std::nullopt;
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
