// SPDX-License-Identifier: Apache-2.0
// For programs that read lists of targets: which texts name the same target, and where a text is wrong.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "srpi/error.hpp"
#include "srpi/export.hpp"
#include "srpi/target_address.hpp"

namespace srpi {

// Returns true if both addresses name the same target: their target port ids, addresses, partitions and service ids
// are equal. The notation does not matter. Two addresses with different local ports name two targets. An address without
// a local port equals one with any local port. The comparison ignores the case of host names. It does not resolve them.
[[nodiscard]] SRPI_EXPORT bool is_same_target(const TargetAddress&, const TargetAddress&);

// Returns the position in `text`, counted from 1, that an error of parse_target(text) names. Returns nullopt if it
// names none.
[[nodiscard]] SRPI_EXPORT std::optional<std::size_t> error_position(const Error&, std::string_view text);

}  // namespace srpi
