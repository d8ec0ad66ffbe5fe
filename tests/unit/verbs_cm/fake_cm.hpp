// SPDX-License-Identifier: Apache-2.0
// librdmacm without a kernel: rdma_* functions that are linked before the library's. They record their calls.
// The test chooses their results and raises the events.
#pragma once

#include <rdma/rdma_cma.h>

#include <deque>
#include <string>
#include <vector>

namespace srpi::verbs::test {

// Only one instance at a time, because the functions use a global pointer to it.
class FakeCm {
 public:
  FakeCm();
  ~FakeCm();
  FakeCm(const FakeCm&) = delete;
  FakeCm& operator=(const FakeCm&) = delete;
  [[nodiscard]] static FakeCm& current();

  // Makes the channel readable. The status is 0 or a negative errno, as in the kernel.
  void raise(rdma_cm_event_type, int status = 0);  // of the latest id
  void raise_for(rdma_cm_id*, rdma_cm_event_type, int status = 0);

  int channels_made = 0;
  rdma_cm_id* latest = nullptr;
  std::vector<rdma_cm_id*> ids;            // the ids that exist
  std::vector<std::string> addresses;      // the addresses to resolve, in the order of the calls
  int routes = 0;                          // number of route resolutions
  int address_error = 0, route_error = 0;  // an errno with which the calls fail at once
  int unacknowledged = 0;                  // events that were read, but not acknowledged

  struct Channel {
    rdma_event_channel base{};
    std::deque<rdma_cm_event> events;
  };
};

}  // namespace srpi::verbs::test
