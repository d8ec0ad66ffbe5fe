// SPDX-License-Identifier: Apache-2.0
// For programs that read lists of targets: which texts name the same target, and where a text is wrong.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "srpi/error.hpp"
#include "srpi/target_address.hpp"

namespace srpi {

// True if both have the same target port id and the same address, partition and service id, in any notation. If both
// name a port of ours, it must be the same, too. Host names are compared without regard to case, and not resolved.
[[nodiscard]] bool is_same_target(const TargetAddress&, const TargetAddress&);

// Returns the position in `text`, counted from 1, that an error of parse_target(text) names. Returns nullopt if it
// names none.
[[nodiscard]] std::optional<std::size_t> error_position(const Error&, std::string_view text);

}  // namespace srpi
