// SPDX-License-Identifier: Apache-2.0
// A request for a session: the values of its options (option.hpp).
#pragma once

#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

inline constexpr std::size_t kMaxSessions = 256;  // per daemon
inline constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;

struct SessionRequest {
  std::string name;  // empty: the daemon chooses one
  srpi::Target target;
  bool has_target = false;
  srpi::SessionOptions options;
  std::optional<std::uint32_t> device_index;  // /dev/nbdN; unset: the first free one
  std::string listen_path;                    // serve NBD on this Unix socket instead of a kernel device
  bool wait = true;                           // if the first login fails, the session is erased
};

// The checks that need more than one option: a target is there, device and listen exclude each other, the
// library's own. Puts the options of the target's text, which win, into `options`.
[[nodiscard]] Outcome<> check_request(SessionRequest&);

// Replaces "{name}" in the listen path by the session's name. Errors: invalid_argument (the path is too
// long).
[[nodiscard]] Outcome<> fill_in_name(SessionRequest&);

// A session name: 1..64 letters, digits, '-', '_', '.', ':'; not "." or "..".
[[nodiscard]] bool is_valid_name(std::string_view) noexcept;

}  // namespace srp_nbd
