// SPDX-License-Identifier: Apache-2.0
#include "srpi/session_option_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace srpi {
namespace {

using Options = SessionOptions;
constexpr auto kLibrary = SessionOption::Audience::library;
constexpr auto kPrograms = SessionOption::Audience::programs;
constexpr std::int64_t kDay = 24 * 3600 * 1000;
constexpr std::uint64_t kMostLun = ~std::uint64_t{0} - 1;  // all ones: no unit has it

// name, member, least, most, unit, audience, least in programs, meaning, changes live
constexpr SessionOption kTable[] = {
    {"luns", &Options::luns, 0, 256, "LUNs", kPrograms, 0,
     "Logical units to publish; all by default (of more than 256 the first 256 that the target reports)"},
    {"all_or_nothing", &Options::all_or_nothing, 0, 1, "", kPrograms, 0,
     "The first login fails unless every logical unit that the target reports is ready and of use"},
    {"initiator_ext", &Options::initiator_ext, 0, 0, "", kPrograms, 0,
     "Identifier extension, the first half of our port id; random by default"},
    {"initiator_port_id", &Options::initiator_port_id, 0, 0, "", kPrograms, 0,
     "Our whole port id, as an access list names it"},
    {"channels", &Options::channels, 1, 16, "RDMA channels", kPrograms, 1,
     "RDMA channels; the session lives with as many of them as the target takes"},
    {"queue_depth", &Options::queue_depth, 1, 4096, "commands", kPrograms, 1,
     "Commands at the target at a time over each channel, and 4096 at most over all"},
    {"max_it_iu_bytes", &Options::max_it_iu_bytes, Options::kLeastItIuBytes, Options::kMostItIuBytes, "bytes",
     kLibrary, 0, "Largest request (information unit) that is asked for"},
    {"descriptors", &Options::descriptors, 1, 255, "", kLibrary, 0, "Memory descriptors in one command"},
    {"max_transfer_bytes", &Options::max_transfer_bytes, 4096, 1 << 26, "bytes", kLibrary, 0,
     "Largest transfer of one command"},
    {"immediate_data", &Options::immediate_data, 0, 1, "", kLibrary, 0,
     "Send small writes with their command, where the target grants it"},
    {"connect_timeout", &Options::connect_timeout, 10, kDay, "ms", kPrograms, 100,
     "One attempt to log in, proof of the units included"},
    {"command_timeout", &Options::command_timeout, 10, kDay, "ms", kPrograms, 100,
     "One command, with all that it is sent again for"},
    {"task_management_timeout", &Options::task_management_timeout, 10, kDay, "ms", kPrograms, 100,
     "Each step to end a command that is not answered in time: ABORT TASK, then LOGICAL UNIT RESET, then the "
     "end of the connection"},
    {"keepalive", &Options::keepalive, 10, kDay, "ms", kPrograms, 100,
     "Ask the target for a sign of life after this idle time, and when it owes an answer and is silent for "
     "0.1 s",
     true},
    {"reconnect_delay", &Options::reconnect_delay, 10, kDay, "ms", kPrograms, 10,
     "Longest pause between automatic attempts to connect; off: none is made", true},
    {"reconnect_first_delay", &Options::reconnect_first_delay, 1, kDay, "ms", kLibrary, 1,
     "Pause before the second automatic attempt; the first comes at once", true},
    {"fast_io_fail", &Options::fast_io_fail, 0, kDay, "ms", kPrograms, 0,
     "After an accident, hold I/O this long before it fails"},
    {"dev_loss", &Options::dev_loss, 10, kDay, "ms", kPrograms, 10,
     "After an accident, erase the session after this long", true},
    {"retry_count", &Options::retry_count, 0, 6, "", kPrograms, 0,
     "How often the transport tries again before the target counts as silent"},
    {"ack_timeout_exponent", &Options::ack_timeout_exponent, 1, 31, "", kPrograms, 1,
     "How long the transport waits each time: 4.096 us * 2^N; adapters may take four times as long"},
    {"fence", &Options::fence, 0, 1, "", kPrograms, 0,
     "After a lost connection, do not reset the units with unanswered writes: a target that is slow to "
     "notice the loss may then overwrite newer data"},
    {"fence_first_login", &Options::fence_first_login, 0, 1, "", kPrograms, 0,
     "Reset every unit before the first I/O, too: for a session in the place of one that died"},
};

template<class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template<class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;  // clang 14 does not deduce it

bool is_off(const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  return text && *text == "off";
}

std::optional<std::uint64_t> hex(const OptionValue& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return std::nullopt;
  std::string_view digits = *text;
  if (digits.starts_with("0x")) digits.remove_prefix(2);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> first_repeated(std::vector<std::uint64_t> luns) {
  std::ranges::sort(luns);
  const auto twice = std::ranges::adjacent_find(luns);
  return twice == luns.end() ? std::nullopt : std::optional(*twice);
}

// Puts the value into a member, or says in `wrong` what is wrong with it if it is not all of it.
class Assign {
 public:
  Assign(const SessionOption& option, const OptionValue& value) : option_(option), value_(value) {}

  bool operator()(bool& member) const {
    const auto* set = std::get_if<bool>(&value_);
    return set && (member = *set, true);
  }
  bool operator()(Milliseconds& member) const {
    return with_number([&](auto n) { member = Milliseconds(n); });
  }
  bool operator()(OptionalMilliseconds& member) const {
    if (is_off(value_)) return member.reset(), true;
    return with_number([&](auto n) { member = Milliseconds(n); });
  }
  bool operator()(std::optional<std::uint64_t>& member) const {
    const auto number = hex(value_);
    return number && (member = number, true);
  }
  bool operator()(std::optional<PortId>& member) const {
    const auto* text = std::get_if<std::string>(&value_);
    if (!text) return false;
    const auto id = PortId::parse(*text);
    return id && (member = *id, true);
  }
  bool operator()(std::vector<std::uint64_t>& member) {
    const auto* list = std::get_if<std::vector<std::uint64_t>>(&value_);
    if (!list || list->size() > static_cast<std::size_t>(option_.most)) return false;
    std::vector<std::uint64_t> luns;
    for (const auto lun : *list) {
      if (lun > kMostLun) return wrong = fmt::format("{}", lun), false;
      if (std::ranges::find(luns, lun) != luns.end()) return wrong = fmt::format("{} twice", lun), false;
      luns.push_back(lun);
    }
    member = std::move(luns);
    return true;
  }
  template<class Integer>
  bool operator()(Integer& member) const {
    return with_number([&](auto n) { member = static_cast<Integer>(n); });
  }

  std::optional<OptionValue> wrong;

 private:
  template<class Put>
  bool with_number(Put put) const {
    const auto number = whole_number(value_);
    if (!number || *number < option_.least_in_programs || *number > option_.most) return false;
    put(*number);
    return true;
  }

  const SessionOption& option_;
  const OptionValue& value_;
};

}  // namespace

std::span<const SessionOption> session_option_table() noexcept { return kTable; }

std::optional<std::int64_t> whole_number(const OptionValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  const auto* text = std::get_if<std::string>(&value);
  if (!text) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::string unexpected(std::string_view expected, const OptionValue& got) {
  constexpr std::size_t kMaxShown = 80;
  const auto shown = std::visit(
      Overloaded{
          [](bool b) { return std::string(b ? "true" : "false"); },
          [](std::int64_t n) { return std::to_string(n); },
          [](const std::string& s) {
            return fmt::format("\"{}{}\"", s.substr(0, kMaxShown), s.size() > kMaxShown ? "…" : "");
          },
          [](const std::vector<std::uint64_t>& list) { return fmt::format("{} numbers", list.size()); }},
      got);
  return fmt::format("expected {}, got {}", expected, shown);
}

std::string SessionOption::key() const {
  return unit == "ms" ? fmt::format("{}_ms", name) : std::string(name);
}

std::string_view SessionOption::argument() const {
  static constexpr std::string_view kOf[] = {"", "N", "N", "MS", "MS|off", "HEX", "32HEX", "N"};
  static_assert(std::size(kOf) == std::variant_size_v<Member>);
  return kOf[member.index()];
}

std::string SessionOption::expected() const {
  const auto numbers = fmt::format("from {} to {}", least_in_programs, most);
  switch (form()) {
    case Form::boolean: return "true or false";
    case Form::time: return "milliseconds " + numbers;
    case Form::optional_time: return "milliseconds " + numbers + ", or off";
    case Form::hex: return "up to 16 hex digits";
    case Form::port_id: return "32 hex digits";
    case Form::luns: return fmt::format("a list of up to {} different LUNs from 0 to {}", most, kMostLun);
    case Form::small_number:
    case Form::number: break;
  }
  return unit.empty() ? "a number " + numbers : fmt::format("a number of {} {}", unit, numbers);
}

std::string SessionOption::range() const {
  if (!is_setting()) return expected();
  if (argument().empty()) return "true, false";
  return fmt::format("{} to {}{}", least_in_programs, most, argument().ends_with("off") ? ", off" : "");
}

Result<> SessionOption::set(SessionOptions& options, const OptionValue& value) const {
  Assign assign(*this, value);
  if (std::visit([&](auto pointer) { return assign(options.*pointer); }, member)) return {};
  return Error{Errc::invalid_argument, unexpected(expected(), assign.wrong.value_or(value))};
}

OptionValue SessionOption::get(const SessionOptions& options) const {
  return std::visit(
      [&](auto pointer) {
        return Overloaded{
            [](bool b) -> OptionValue { return b; },
            [](Milliseconds m) -> OptionValue { return m.count(); },
            [](const OptionalMilliseconds& m) -> OptionValue {
              return m ? OptionValue(m->count()) : OptionValue("off");
            },
            [](const std::optional<std::uint64_t>& n) -> OptionValue {
              return n ? fmt::format("{:016x}", *n) : std::string{};
            },
            [](const std::optional<PortId>& id) -> OptionValue {
              return id ? id->to_string() : std::string{};
            },
            [](const std::vector<std::uint64_t>& luns) -> OptionValue { return luns; },
            [](std::unsigned_integral auto n) -> OptionValue { return static_cast<std::int64_t>(n); },
        }(options.*pointer);
      },
      member);
}

void SessionOption::copy(const SessionOptions& from, SessionOptions& to) const {
  std::visit([&](auto pointer) { to.*pointer = from.*pointer; }, member);
}

Result<> SessionOption::validate(const SessionOptions& options) const {
  if (form() == Form::luns)
    if (const auto twice = first_repeated(options.*std::get<static_cast<std::size_t>(Form::luns)>(member)))
      return Error{Errc::invalid_argument, fmt::format("{} has {} twice", name, *twice)};
  auto value = get(options);
  if (const auto* list = std::get_if<std::vector<std::uint64_t>>(&value))
    value = static_cast<std::int64_t>(list->size());
  const auto* number = std::get_if<std::int64_t>(&value);
  if (!number || (*number >= least && *number <= most)) return {};
  const auto of = unit.empty() ? "" : fmt::format(" {}", unit);
  return Error{Errc::invalid_argument,
               fmt::format("{} is {}{}, permitted are {} to {}{}", name, *number, of, least, most, of)};
}

}  // namespace srpi
