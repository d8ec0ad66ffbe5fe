// SPDX-License-Identifier: Apache-2.0
// A front end without a protocol: it counts what the lane asks of it.
#pragma once

#include "lane/lane_host.hpp"

struct FakeFrontEnd final : srp_nbd::FrontEnd {
  explicit FakeFrontEnd(srp_nbd::LaneHost& lane, std::uint64_t id = 1) : FrontEnd(lane, id) {}

  void start() override { ++starts; }
  void service() override { ++services; }
  bool resume() override { return ++resumes, resumes >= resumes_needed; }
  void spare_chunks() override { ++spares; }
  const char* stuck_since(Time, bool) override { return is_stuck ? "sleeps" : nullptr; }
  void on_close() override {}
  bool is_at_rest() const noexcept override { return at_rest; }
  void come_to_rest() {
    at_rest = true;
    lane_.front_end_ended();
  }

  int starts = 0, services = 0, resumes = 0, spares = 0;
  int resumes_needed = 1;
  bool is_stuck = false;
  bool at_rest = true;
};
