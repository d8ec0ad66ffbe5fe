// SPDX-License-Identifier: Apache-2.0
// Text from a stranger, for a log or a terminal: what could move the cursor, forge a line or change the order of
// the text is written as \xNN. Printable UTF-8 stays.
#pragma once

#include <string>
#include <string_view>

#include "srpi/export.hpp"

namespace srpi {

// `keep_lines`: line feeds stay.
[[nodiscard]] SRPI_EXPORT std::string printable(std::string_view text, bool keep_lines = false);

}  // namespace srpi
