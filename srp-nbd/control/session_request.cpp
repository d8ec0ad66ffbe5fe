// SPDX-License-Identifier: Apache-2.0
#include "control/session_request.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace srp_nbd {

Outcome<> check_request(SessionRequest& request) {
  if (!request.has_target)
    return Failure{"invalid_argument",
                   "target is missing: expected srp://HOST:PORT/?id_ext=…&ioc_guid=…, a login "
                   "string, or ram://SIZE"};
  if (request.device_index && !request.listen_path.empty())
    return Failure{"invalid_argument",
                   "device and listen exclude each other: give a kernel device or a socket, not both"};
  request.options = request.target.overrides.applied_to(request.options);
  if (auto ok = request.options.validate(); !ok) return Failure{ok.error()};
  return {};
}

Outcome<> fill_in_name(SessionRequest& request) {
  constexpr std::string_view mark = "{name}";
  auto path = request.listen_path;
  for (std::size_t at = 0; (at = path.find(mark, at)) != std::string::npos; at += request.name.size())
    path.replace(at, mark.size(), request.name);
  if (path.size() > kMaxSocketPath)
    return Failure{"invalid_argument",
                   fmt::format("listen: {} has more than {} characters", path, kMaxSocketPath)};
  request.listen_path = std::move(path);
  return {};
}

bool is_valid_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name == "." || name == "..") return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

}  // namespace srp_nbd
