// SPDX-License-Identifier: Apache-2.0
// One wish for a session: the same fields, names and checks on the command line, in the configuration file and on the
// control socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

inline constexpr std::size_t kMaxSessions = 256;  // of one daemon

struct SessionRequest {
  std::string name;  // empty: the daemon derives one
  srpi::Target target;
  bool has_target = false;
  srpi::SessionOptions options;
  std::optional<std::uint32_t> device_index;  // /dev/nbdN; unset: the first free one
  std::string listen_path;                    // serve NBD on this Unix socket instead of a kernel device
  bool wait = true;                           // a failing first login erases the session
};

// What a field's value can be, whichever syntax it was written in.
using FieldValue = std::variant<bool, std::int64_t, std::string, std::vector<std::int64_t>>;

// Sets one field. Errors: invalid_argument, naming the field, what it expects and what it got.
[[nodiscard]] Outcome<> apply_field(SessionRequest&, std::string_view key, const FieldValue&);
[[nodiscard]] std::vector<std::string_view> field_names();

// The checks that need more than one field: a target is there, device and listen exclude each other, the library's own.
[[nodiscard]] Outcome<> check_request(SessionRequest&);

// Puts the name, once it is known, into a listen path that has "{name}" in it. Errors: invalid_argument (too long then).
[[nodiscard]] Outcome<> fill_in_name(SessionRequest&);

// A session name: 1..64 letters, digits, '-', '_', '.', ':'; not "." or "..".
[[nodiscard]] bool is_valid_name(std::string_view) noexcept;

}  // namespace srp_nbd
