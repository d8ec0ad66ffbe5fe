// SPDX-License-Identifier: Apache-2.0
// An operator's function for a logical unit: the caller's object, lent to a LogicalUnit until its completion.
#pragma once

#include "srpi/error.hpp"

namespace srpi {

// Ownership: from LogicalUnit::abort or reset until `on_complete` is entered, the object belongs to the
// session. on_complete is called exactly once, from Session::poll, disconnect or erase, never from within
// abort or reset; the object is the caller's again when it is called.
struct TaskRequest {
  void (*on_complete)(TaskRequest&) noexcept = nullptr;
  void* context = nullptr;  // the caller's

  Errc status = Errc::ok;  // the result

  TaskRequest* next = nullptr;  // the session's own
};

}  // namespace srpi
