// SPDX-License-Identifier: Apache-2.0
// Maps the verbs' completion statuses to fabric::WorkStatus.
#pragma once

#include <infiniband/verbs.h>

#include "fabric/work.hpp"

namespace srpi::verbs {
[[nodiscard]] fabric::WorkStatus work_status(ibv_wc_status) noexcept;
}
