// SPDX-License-Identifier: Apache-2.0
// For programs that read lists of targets: which texts name the same target, and where a text is wrong.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "srpi/error.hpp"
#include "srpi/target_address.hpp"

namespace srpi {

// True if target port id, address, partition and service id are the same in any notation, and also our port if both
// name one. Names of hosts are compared without regard to case, and are not resolved.
[[nodiscard]] bool is_same_target(const TargetAddress&, const TargetAddress&);

// The character of `text`, from 1, that an error of parse_target(text) names. nullopt: it is about the text as a whole.
[[nodiscard]] std::optional<std::size_t> error_position(const Error&, std::string_view text);

}  // namespace srpi
