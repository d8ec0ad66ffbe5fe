// SPDX-License-Identifier: Apache-2.0
// The commands of verbs_probe that are in verbs_probe_losses.cpp.
#pragma once

#include <string>

#include "probe_connection.hpp"

namespace probe {

inline void expect_code(const Error& error, Errc code) {
  expect(error.code == code,
         std::string("expected the code '") + to_string(code) + "', got: " + error.message());
}

void lose(fabric::Fabric&, const Destination&, const std::string& argument);
void unplug(fabric::Fabric&, const Destination&, const std::string& file);
void black_hole(fabric::Fabric&, const Destination&, const std::string& file);
void aborts(fabric::Fabric&, const Destination&, const std::string& argument);
void cycles(fabric::Fabric&, const Destination&, const std::string& argument);

}  // namespace probe
