// SPDX-License-Identifier: Apache-2.0
// What runs on a lane's thread: the ring, the session, the pools and the connections, and when each gets its turn.
#pragma once

#include <liburing.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "lane/chunk_pool.hpp"
#include "lane/lane.hpp"
#include "lane/read_pool.hpp"
#include "support/unique_fd.hpp"

namespace srp_nbd {

class Connection;

class Lane::Loop final : private srpi::SessionObserver {
 public:
  Loop(LaneOptions, LaneCallbacks);
  ~Loop();

  [[nodiscard]] srpi::Result<> start(SessionFactory);
  void stop();  // and waits for the thread's end
  void end(std::function<void()> ended);
  void post(std::function<void(srpi::Session&)>);
  [[nodiscard]] bool on_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }
  [[nodiscard]] srpi::Session& session() const noexcept { return *session_; }
  void serve(std::uint64_t id, UniqueFd, std::uint64_t lun, ServeOptions);
  void drop(std::uint64_t id);

  // For its connections.
  [[nodiscard]] const LaneOptions& options() const noexcept { return options_; }
  [[nodiscard]] const srpi::Memory& memory() const noexcept { return *registered_; }
  [[nodiscard]] ChunkPool& chunks() noexcept { return *chunks_; }
  void receive(Connection&, int fd, std::byte* to, std::size_t bytes);
  void wait_readable(Connection&, int fd);
  // Whether it may have a chunk for requests that have not come yet.
  [[nodiscard]] bool may_keep_chunk(Connection&) noexcept;
  void send(Connection&, int fd, const msghdr&);
  [[nodiscard]] ChunkPool::Chunk* take_chunk();
  void release_chunk(ChunkPool::Chunk&) noexcept;
  [[nodiscard]] std::size_t take_read_blocks(Connection&, bool holds_none, std::size_t bytes,
                                             std::span<ReadPool::Block>);
  void give_read_blocks(std::span<const ReadPool::Block>) noexcept;
  void wait_for_memory(Connection&);         // in turn; resume() is called when some is back
  void needs_service(Connection&) noexcept;  // service() is called in this turn of the loop
  void connection_ended() noexcept { look_for_ended_ = true; }

 private:
  enum class Event : std::uintptr_t { received, sent, readable, woken, session_ready };
  static constexpr std::uintptr_t kEventMask = 7;  // beside a connection's address

  void thread_main(const SessionFactory&, std::promise<srpi::Result<>>&);
  [[nodiscard]] srpi::Result<> set_up(const SessionFactory&);
  void tear_down();
  void run();
  std::size_t take_completions();
  std::size_t run_posted();
  std::size_t service_connections();
  std::size_t resume_waiting();
  void remove_ended();
  void drop_stuck();
  void sleep();
  [[nodiscard]] io_uring_sqe& next_sqe();
  static void label(io_uring_sqe&, Event, const Connection*);
  [[nodiscard]] std::uint32_t request_share() const noexcept;
  void refuse(std::uint64_t id, srpi::Error);

  void on_state(srpi::SessionState, srpi::SessionState, const srpi::Error&) override;
  void on_logical_unit(srpi::LogicalUnit&) override;
  void on_attempt_failed(const srpi::Error&) override;
  void on_event(srpi::SessionEvent, srpi::LogicalUnit*) override;

  const LaneOptions options_;
  const LaneCallbacks callbacks_;
  std::thread thread_;

  std::mutex posted_mutex_;  // the only thing that two threads touch
  std::vector<std::function<void(srpi::Session&)>> posted_;
  UniqueFd wake_;  // an eventfd, readable when posted_ was empty and is not any more

  io_uring ring_{};
  bool ring_ready_ = false;
  bool wake_polled_ = false, session_polled_ = false;  // a poll of that descriptor is in the ring
  std::byte* mapped_ = nullptr;
  std::unique_ptr<srpi::Session> session_;
  std::unique_ptr<srpi::Memory> registered_;  // all of mapped_; destroyed before the session
  std::unique_ptr<ChunkPool> chunks_;
  std::unique_ptr<ReadPool> read_blocks_, small_read_blocks_;
  std::byte* small_reads_begin_ = nullptr;  // the end of mapped_

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> to_service_, servicing_;
  std::vector<Connection*> waiting_;  // for memory; at most one entry a connection, first come first served
  std::size_t chunk_keepers_ = 0;     // connections that may keep a chunk
  std::chrono::steady_clock::time_point next_look_;  // for those that are stuck
  bool memory_is_back_ = false;
  bool look_for_ended_ = false;
  bool stopping_ = false;
  std::function<void()> ended_;
};

}  // namespace srp_nbd
