// SPDX-License-Identifier: Apache-2.0
// The verbs' completion statuses, as the classes that make a difference to us.
#pragma once

#include <infiniband/verbs.h>

#include "fabric/work.hpp"

namespace srpi::verbs {
[[nodiscard]] fabric::WorkStatus work_status(ibv_wc_status) noexcept;
}
