// SPDX-License-Identifier: Apache-2.0
#include "catch2/catch.hpp"
#include "daemon/publication.hpp"

using namespace std::chrono_literals;

TEST_CASE("the kernel outwaits every deadline of ours, commands that are sent again included") {
  srpi::SessionOptions options;
  options.command_timeout = 10s;
  options.connect_timeout = 5s;
  options.fast_io_fail = 60s;
  options.task_management_timeout = 0s;
  // An expired command, or one that is sent again for a minute while its unit becomes ready; a login; held I/O.
  CHECK(srp_nbd::kernel_request_timeout(options) >= 20s + 63s + 5s + 60s);
  options.command_timeout = 1500ms;
  CHECK(srp_nbd::kernel_request_timeout(options) >= 3s + 63s + 5s + 60s);
  // Three commands, one after the other, each held, not answered, aborted, then its unit reset.
  options.task_management_timeout = 30s;
  CHECK(srp_nbd::kernel_request_timeout(options) >= 3 * (1500ms + 60s + 2 * 30s) + 63s + 5s);
}
