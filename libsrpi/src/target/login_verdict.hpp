// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "wire/login.hpp"

namespace srpi::target {

// The target's decision about a login: a reason to reject it, or the response.
struct LoginVerdict {
  wire::LoginRequest request;  // default values if it could not be decoded
  std::optional<wire::RejectReason> reason;
  wire::LoginResponse response;
};

}  // namespace srpi::target
