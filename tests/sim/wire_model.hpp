// SPDX-License-Identifier: Apache-2.0
// Models a session's connections from the units on the wire: credits and receives of each connection, tags of
// all. The checkers compare it with the session.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "checks.hpp"
#include "fabric/endpoint.hpp"
#include "journal.hpp"
#include "wire/task_management.hpp"

namespace srpi::sim {

class WireModel {
 public:
  // One channel with its own credits and receives.
  class Connection {
   public:
    explicit Connection(WireModel& model) : model_(model) { model_.connections_.push_back(this); }
    ~Connection() { std::erase(model_.connections_, this); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void logged_in(std::int32_t request_limit) noexcept;
    void closed() noexcept;
    void receives_posted(std::uint32_t n) noexcept { receives_ += n; }
    // The session is about to post SRP_CMD, SRP_TSK_MGMT or an answer.
    void sent(std::span<const std::byte> unit);
    void received(std::span<const std::byte> unit);
    // The queue pair is dead, so its later sends reach nobody.
    void receive_flushed() noexcept { dead_ = true; }

    [[nodiscard]] bool is_logged_in() const noexcept { return logged_in_; }
    [[nodiscard]] std::int64_t credits() const noexcept { return credits_; }
    [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_.size(); }

   private:
    struct Request {
      std::uint64_t tag = 0;
      std::uint64_t lun = 0;
      std::optional<wire::TaskManagement> function;  // nullopt: a command
    };
    void function_confirmed(const wire::TaskManagement&);

    WireModel& model_;
    bool logged_in_ = false;
    std::int64_t credits_ = 0;
    std::int64_t receives_ = 0;
    bool dead_ = false;
    std::vector<Request> outstanding_;
  };

  WireModel(Checks& checks, Journal& journal) : checks_(checks), journal_(journal) {}

  // A new session has its own tags, which may equal those of an earlier session.
  void session_opened() noexcept {
    used_.fill(0);
    answered_count_ = 0;
  }
  // The connection of one of our endpoints.
  [[nodiscard]] static const Connection& of(const fabric::Endpoint&);
  // The credits of the oldest connection.
  [[nodiscard]] std::int64_t credits() const noexcept;
  [[nodiscard]] std::size_t connected() const noexcept;
  [[nodiscard]] std::uint64_t logins() const noexcept { return logins_; }
  [[nodiscard]] std::uint64_t commands() const noexcept { return commands_; }
  [[nodiscard]] std::uint64_t functions() const noexcept { return functions_; }
  [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }
  [[nodiscard]] std::uint64_t target_requests() const noexcept { return target_requests_; }  // SRP_CRED_REQ
  [[nodiscard]] std::size_t outstanding() const noexcept;
  // The tag of an answered command; 0 if there is none yet.
  [[nodiscard]] std::uint64_t answered_tag(std::uint64_t choice) const noexcept;

 private:
  static constexpr std::size_t kRemembered = 256;  // tags that must not be reused, over all channels
  Checks& checks_;
  Journal& journal_;
  std::vector<Connection*> connections_;  // the oldest first
  std::uint64_t logins_ = 0, commands_ = 0, functions_ = 0, answers_ = 0, target_requests_ = 0;
  std::array<std::uint64_t, kRemembered> used_{}, answered_{};
  std::uint64_t used_count_ = 0, answered_count_ = 0;
};

}  // namespace srpi::sim
