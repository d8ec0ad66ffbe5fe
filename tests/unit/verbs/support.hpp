// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "srpi/error.hpp"

namespace srpi::verbs::test {

inline bool has(const Error& error, const std::string& words) {
  return error.detail.find(words) != std::string::npos;
}

}  // namespace srpi::verbs::test
