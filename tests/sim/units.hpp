// SPDX-License-Identifier: Apache-2.0
// Information units of a target that violates the protocol, for RamTarget::send_raw and Outcome::answer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "wire/response.hpp"

namespace srpi::sim {

[[nodiscard]] std::vector<std::byte> response_unit(const wire::Response&);
// GOOD without a transfer; the residual may be larger than the buffer.
[[nodiscard]] std::vector<std::byte> nothing_transferred(std::uint64_t tag, bool read, base::Random&);
// Malformed: cut, or with lengths beyond the unit's end.
[[nodiscard]] std::vector<std::byte> malformed_response(std::uint64_t tag, base::Random&);
[[nodiscard]] std::vector<std::byte> garbage(base::Random&);

}  // namespace srpi::sim
