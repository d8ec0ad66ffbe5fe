// SPDX-License-Identifier: Apache-2.0
// The public Session: a fabric, a nexus, the logical units, and one file descriptor to sleep on.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "api/embedded_fabric.hpp"
#include "api/rescans.hpp"
#include "api/wait_set.hpp"
#include "base/clock.hpp"
#include "lun/unit.hpp"
#include "lun/unit_proof.hpp"
#include "session/nexus.hpp"
#include "srpi/log_limit.hpp"
#include "srpi/session.hpp"

namespace srpi::api {

class SessionImpl final : public Session,
                          private session::NexusObserver,
                          private lun::UnitSink,
                          private lun::Sleeper {
 public:
  // The clock belongs to the caller and must outlive the session. Null means the real clock.
  SessionImpl(const TargetAddress&, const SessionOptions&, SessionObserver*, std::unique_ptr<fabric::Fabric>,
              EmbeddedFabric* embedded, std::uint64_t seed, const base::Clock* = nullptr);
  ~SessionImpl() override;

  Result<> disconnect() override;
  Result<> reconnect() override;
  Result<> change_options(const SessionOptions&) override;
  void erase() override;
  Errc rescan(TaskRequest&) noexcept override;
  SessionState state() const noexcept override { return session::published(nexus_.state()); }
  SessionStatus status() const override;
  std::span<const std::unique_ptr<LogicalUnit>> logical_units() const noexcept override { return units_; }
  Result<std::unique_ptr<Memory>> register_memory(std::span<std::byte>) override;
  std::size_t poll() override;
  void flush() override;
  bool arm() override;
  int fd() const noexcept override { return wait_set_.fd(); }

  [[nodiscard]] Result<> open() { return wait_set_.open(); }
  // There is work for a poll that the descriptors do not show. Makes fd() readable after arm().
  void wake() noexcept;
  // The built-in target; null in a session with another one.
  [[nodiscard]] EmbeddedFabric* embedded() noexcept { return embedded_; }
  // The next time at which poll has work without an outside event. arm() makes fd() readable at that time.
  [[nodiscard]] base::Time next_deadline() const noexcept;
  [[nodiscard]] const session::Nexus& nexus() const noexcept { return nexus_; }

 private:
  [[nodiscard]] Result<> not_erased() const noexcept;
  [[nodiscard]] Result<> may_change_state() const noexcept;  // not erased, and not in a callback
  void on_state(session::State from, session::State to, const Error& cause) override;
  void on_attempt_failed(const Error&) override;
  void on_unit_event(std::uint64_t lun, scsi::Event) override;
  void on_units_proved() override {}
  void on_search_begun() override { rescans_.on_search_begun(); }
  void on_search_ended(const Error&) override;
  void on_channels(std::uint32_t live, const Error& cause) override;
  // Makes the units: where that fails, the attempt does.
  Result<> take_units(std::span<const lun::UnitProfile>) override;
  Result<> add_unit(const lun::UnitProfile&) override;
  void searched(std::span<const UnitNotTaken> before) override;
  void take_unit(lun::Unit&, const lun::UnitProfile&);
  void report_change(lun::Unit&, const UnitChange&);
  void report_not_taken(std::span<const UnitNotTaken> before);
  std::size_t begin_rescans() noexcept;
  [[nodiscard]] bool has_work() const noexcept;  // work that needs no outside event
  void fail_waiting() noexcept;
  void sleep_until(base::Time) noexcept;
  bool on_work() noexcept override;
  // What a function leaves behind while callbacks run.
  class Working;
  // Logs nothing if there is no memory for the text.
  template<class F>
  void log(LogLevel level, F words) const noexcept {
    if (!options_.log) return;
    try {
      options_.log(level, words());
    } catch (const std::bad_alloc&) {
    }
  }
  // The same for lines that the target can cause at any rate.
  template<class F>
  void log(LogLimit& limit, LogLevel level, F words) noexcept {
    if (!options_.log) return;
    try {
      if (const auto end = limit.pass(clock_.now())) options_.log(level, words() + *end);
    } catch (const std::bad_alloc&) {
    }
  }

  SessionOptions options_;  // the parts of the session refer to it
  const TargetAddress target_;
  SessionObserver* const observer_;
  const base::SteadyClock steady_clock_;
  const base::Clock& clock_;
  std::unique_ptr<fabric::Fabric> fabric_;
  EmbeddedFabric* embedded_;  // equals fabric_ if that is the built-in target's, otherwise null
  lun::UnitProof proof_;
  session::Nexus nexus_;
  lun::BusyUnits busy_units_;
  Rescans rescans_;
  Error rescan_error_;  // of the last search
  // What the log was told last.
  std::size_t luns_left_out_ = 0;
  Errc luns_guessed_ = Errc::ok;
  std::vector<std::unique_ptr<LogicalUnit>> units_;  // each is a lun::Unit
  LogLimit event_lines_, channel_lines_, unit_lines_{64};
  bool by_administrator_ = false;  // disconnect() caused the last end of the connection
  WaitSet wait_set_;
  std::vector<int> fds_;  // used by arm() only
  std::uint64_t watched_version_ = ~0ull;
  enum class Stage : std::uint8_t {
    awake,
    asleep,   // from arm() to the next poll: fd() becomes readable at sleeps_until_
    working,  // in a function that calls back
    ending,   // in the destructor
  };
  Stage stage_ = Stage::awake;
  base::Time sleeps_until_{};
};

}  // namespace srpi::api
