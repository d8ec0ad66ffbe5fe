// SPDX-License-Identifier: Apache-2.0
// Runs on the lane's thread: gives the session and the front ends their turns.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "lane/lane.hpp"
#include "lane/lane_host.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class LaneLoop final : private srpi::SessionObserver {
 public:
  using Work = std::function<void(srpi::Session&)>;

  // Any thread.
  LaneLoop(LaneOptions, LaneCallbacks);
  ~LaneLoop();  // ends the thread and waits for it
  [[nodiscard]] srpi::Result<> start(Lane::SessionFactory);
  void end(std::function<void()> ended);
  void post(Work);
  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }

  // The lane's thread.
  void host(std::uint64_t id, std::uint64_t lun, const MakeFrontEnd&);
  void drop(std::uint64_t id);

 private:
  void thread_main(const Lane::SessionFactory&, std::promise<srpi::Result<>>&) noexcept;
  [[nodiscard]] srpi::Result<> set_up(const Lane::SessionFactory&);
  void tear_down() noexcept;
  void run();
  std::size_t run_posted();
  void report_ended();
  void sleep();
  [[nodiscard]] std::uint32_t request_share() const noexcept;
  void closed(std::uint64_t id, const srpi::Error& why) const;

  void on_state(srpi::SessionState, srpi::SessionState, const srpi::Error&) override;
  void on_logical_unit(srpi::LogicalUnit&, const srpi::UnitChange&) override;
  void on_attempt_failed(const srpi::Error&) override;
  void on_event(srpi::SessionEvent, srpi::LogicalUnit*) override;

  const LaneOptions options_;
  const LaneCallbacks callbacks_;
  std::thread thread_;

  std::mutex posted_mutex_;  // guards posted_, the only member that other threads access
  std::vector<Work> posted_;
  UniqueFd wake_;  // an eventfd, readable when posted_ becomes non-empty

  // Used by the thread only. The host ends before the session, because its memory is registered there.
  std::unique_ptr<srpi::Session> session_;
  std::optional<LaneHost> host_;
  RingOperation woken_{this, [](void*, int) {}};
  RingOperation session_ready_{this, [](void*, int) {}};
  bool is_stopping_ = false;
  std::function<void()> ended_;
};

}  // namespace srp_nbd
