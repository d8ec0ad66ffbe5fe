// SPDX-License-Identifier: Apache-2.0
// What an operator asks of a logical unit, an abort or a reset, or of a session, a rescan: the caller's object, lent
// until its completion.
#pragma once

#include <cstddef>

#include "srpi/error.hpp"

namespace srpi {

// Ownership. From LogicalUnit::abort, reset or Session::rescan, where it returns ok, until on_complete is entered, the object
// belongs to the session. From on_complete on it is the caller's. It may be used again or destroyed within
// on_complete.
// Completion. on_complete is called exactly once for each call that returns ok, from within
// Session::poll, disconnect or erase, or from its destructor, never from within that call.
struct TaskRequest {
  void (*on_complete)(TaskRequest&) noexcept = nullptr;  // not null
  void* context = nullptr;                               // the caller's

  Errc status = Errc::ok;  // the result (each of these functions lists the errors)

  alignas(8) std::byte internal[16]{};  // the session's own while it has the request
};

}  // namespace srpi
