// SPDX-License-Identifier: Apache-2.0
// What a bystander on the wire knows of a session's connections: credits and receives of each, tags of all.
// Compared with what the session does.
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
  // One channel: credits and receives are its own.
  class Connection {
   public:
    explicit Connection(WireModel& model) : model_(model) { model_.connections_.push_back(this); }
    ~Connection() { std::erase(model_.connections_, this); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void logged_in(std::int32_t request_limit) noexcept;
    void closed() noexcept;
    void receives_posted(std::uint32_t n) noexcept { receives_ += n; }
    // SRP_CMD or SRP_TSK_MGMT, or an answer of ours, about to be posted.
    void sent(std::span<const std::byte> unit);
    void received(std::span<const std::byte> unit);
    // Of a dead queue pair: what is still sent over it reaches nobody.
    void receive_flushed() noexcept { dead_ = true; }

    [[nodiscard]] bool is_logged_in() const noexcept { return logged_in_; }
    [[nodiscard]] std::int64_t credits() const noexcept { return credits_; }
    [[nodiscard]] std::size_t outstanding() const noexcept { return outstanding_.size(); }

   private:
    struct Request {
      std::uint64_t tag = 0;
      std::uint64_t lun = 0;
      std::optional<wire::TaskManagement> function;  // nothing: a command
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

  // Whose tags are its own: one that an earlier session's command had may be in use.
  void session_opened() noexcept {
    used_.fill(0);
    answered_count_ = 0;
  }
  // The connection of an endpoint, which is one of ours.
  [[nodiscard]] static const Connection& of(const fabric::Endpoint&);
  // Of the connection that logged in first among those that are.
  [[nodiscard]] std::int64_t credits() const noexcept;
  [[nodiscard]] std::size_t connected() const noexcept;
  [[nodiscard]] std::uint64_t logins() const noexcept { return logins_; }
  [[nodiscard]] std::uint64_t commands() const noexcept { return commands_; }
  [[nodiscard]] std::uint64_t functions() const noexcept { return functions_; }
  [[nodiscard]] std::uint64_t answers() const noexcept { return answers_; }
  [[nodiscard]] std::uint64_t target_requests() const noexcept { return target_requests_; }  // SRP_CRED_REQ
  [[nodiscard]] std::size_t outstanding() const noexcept;
  // A tag that was answered some time ago. 0: none yet.
  [[nodiscard]] std::uint64_t answered_tag(std::uint64_t choice) const noexcept;

 private:
  static constexpr std::size_t kRemembered = 256;  // tags that must not come again, over any channel
  Checks& checks_;
  Journal& journal_;
  std::vector<Connection*> connections_;  // in the order of their beginning
  std::uint64_t logins_ = 0, commands_ = 0, functions_ = 0, answers_ = 0, target_requests_ = 0;
  std::array<std::uint64_t, kRemembered> used_{}, answered_{};
  std::uint64_t used_count_ = 0, answered_count_ = 0;
};

}  // namespace srpi::sim
