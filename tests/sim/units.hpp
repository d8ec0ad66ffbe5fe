// SPDX-License-Identifier: Apache-2.0
// Information units of a target that breaks the rules, as bytes for RamTarget::send_raw and Outcome::answer.
#pragma once

#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "wire/response.hpp"

namespace srpi::sim {

[[nodiscard]] std::vector<std::byte> response_unit(const wire::Response&);
// GOOD, with nothing transferred, and a residual that may be beyond the buffer.
[[nodiscard]] std::vector<std::byte> nothing_transferred(std::uint64_t tag, bool read, base::Random&);
// Not decodable: cut, or with lengths beyond what came.
[[nodiscard]] std::vector<std::byte> malformed_response(std::uint64_t tag, base::Random&);
[[nodiscard]] std::vector<std::byte> garbage(base::Random&);

}  // namespace srpi::sim
