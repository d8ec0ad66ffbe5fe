// SPDX-License-Identifier: Apache-2.0
// librdmacm without a kernel: this program's own rdma_* functions, linked before the library's. What they are
// asked is noted, what they answer is the test's choice, and events come when the test raises them.
#pragma once

#include <rdma/rdma_cma.h>

#include <deque>
#include <string>
#include <vector>

namespace srpi::verbs::test {

// One at a time: the functions find it by themselves.
class FakeCm {
 public:
  FakeCm();
  ~FakeCm();
  FakeCm(const FakeCm&) = delete;
  FakeCm& operator=(const FakeCm&) = delete;
  [[nodiscard]] static FakeCm& current();

  // Makes the channel readable. Status is a negative errno, as the kernel's.
  void raise(rdma_cm_event_type, int status = 0);  // for the latest id
  void raise_for(rdma_cm_id*, rdma_cm_event_type, int status = 0);

  int channels_made = 0;
  rdma_cm_id* latest = nullptr;
  std::vector<rdma_cm_id*> ids;            // alive
  std::vector<std::string> addresses;      // that resolution was asked for, in turn
  int routes = 0;                          // as often was a route's resolution asked for
  int address_error = 0, route_error = 0;  // an errno: the next call fails at once
  int unacknowledged = 0;                  // events taken and not given back

  struct Channel {
    rdma_event_channel base{};
    std::deque<rdma_cm_event> events;
  };
};

}  // namespace srpi::verbs::test
