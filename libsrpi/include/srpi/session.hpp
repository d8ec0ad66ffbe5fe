// SPDX-License-Identifier: Apache-2.0
// A session with an SRP target (an I_T nexus) and its logical units. Poll-driven: it has no thread and no
// loop of its own. All of one session (its logical units, memory and requests too) belongs to one thread at a
// time. The one exception is a host name (an address that is not numeric): a thread of the library looks it
// up, with all signals blocked; it calls nothing of the caller's and may outlive the session.
//
//   auto session = srpi::Session::create(address, options, observer).value();
//   while (running) {
//     if (session->poll() > 0) continue;                      // busy: poll again
//     if (session->arm()) wait_readable(session->fd());       // idle: sleep on one file descriptor
//   }
//
// Memory. submit, poll, flush and arm never need any for requests once the session is live. Where the rest
// cannot get it, a function that returns a Result says no_memory, and what it asked for has not happened; an
// attempt to connect fails with no_memory and is followed by others, as after any fault; an error or a line
// of the log comes without its words. Only what returns a string or a status by value throws std::bad_alloc.
// An observer and a log sink must not throw, but for std::bad_alloc out of the sink.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "srpi/error.hpp"
#include "srpi/io_request.hpp"
#include "srpi/memory.hpp"
#include "srpi/port_id.hpp"
#include "srpi/session_event.hpp"
#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"
#include "srpi/task_request.hpp"

namespace srpi {

enum class SessionState : std::uint8_t {
  connecting,     // the first login, or one that an administrator asked for, is under way; I/O fails at once
  live,           // I/O goes to the target
  recovering,     // lost by accident; I/O is held while fast_io_fail runs, automatic attempts go on
  disconnecting,  // requests are being failed and the queue pair torn down; I/O fails at once
  disconnected,  // I/O fails at once. By accident: automatic attempts go on, unless the target's answer is one
                 // that time does not mend or reconnect_delay is off. By an administrator: until reconnect
  erased,        // final
};
[[nodiscard]] const char* to_string(SessionState) noexcept;

// What VPD pages 0x80, 0x83, 0xB0-0xB2, INQUIRY, READ CAPACITY and MODE SENSE said.
struct LogicalUnitInfo {
  std::uint64_t lun = 0;  // flat number where the LUN is flat, else its 8 bytes as a number
  std::string wwid;       // "naa.6001405…", "eui.…", "t10.…"; empty where the target has none
  std::string serial, vendor, product, revision;
  std::uint32_t block_size = 512;           // bytes
  std::uint32_t physical_block_size = 512;  // bytes
  std::uint64_t blocks = 0;
  std::uint32_t max_transfer_blocks = 0;  // of one command; larger requests are split
  bool read_only = false;
  bool write_cache = false;            // volatile: flush matters
  bool can_force_unit_access = false;  // writes; without, IoRequest::force_unit_access costs a flush
  bool can_unmap = false;
  bool can_write_zeroes = false;
  bool rotational = false;
  // Why its I/O fails although the session is live: the unit is not ready, is not there any more, is reserved for
  // somebody else, …, while others of the session answer; timed_out: it leaves everything unanswered, and has cost the
  // session a connection. All else then is what was known last. Code ok: it is not away.
  Error away;
};

class LogicalUnit {
 public:
  virtual ~LogicalUnit() = default;
  [[nodiscard]] virtual const LogicalUnitInfo& info() const noexcept = 0;

  // Takes the request; any session state, any time until the session is destroyed. It is sent with the next
  // Session::poll or flush, together with all others submitted until then (one doorbell). Requests larger
  // than one command are split. No order is kept between requests. Every failure comes by IoRequest::status:
  // no_connect (disconnected, or lost before the answer came), out_of_range, invalid_argument (no blocks;
  // data is not blocks * block_size bytes), misaligned (a segment is not whole blocks), not_registered,
  // write_protected, not_supported, timed_out, cancelled (abort), and what the target says.
  virtual void submit(IoRequest&) noexcept = 0;

  // For operators; both permitted in any session state, as submit.
  // Ends every request that was submitted before: with `cancelled`, or with its own result where that was
  // there first. Commands at the target are aborted as those whose deadline is over: ABORT TASK each, LOGICAL
  // UNIT RESET if that is refused, then the end of the connection. Errors: no_connect (the connection ended
  // first; so did the requests).
  virtual void abort(TaskRequest&) noexcept = 0;
  // LOGICAL UNIT RESET. Requests at the target are ended by it and sent again within their time, those of
  // other initiators are aborted as well. Errors: no_connect; timed_out (no answer within
  // task_management_timeout); not_supported; target_error (refused).
  virtual void reset(TaskRequest&) noexcept = 0;
};

// Where a session stands, for people, scripts and fabric monitors.
struct SessionStatus {
  SessionState state = SessionState::connecting;
  bool by_administrator = false;  // disconnecting, disconnected: asked for, not an accident
  TargetAddress target;
  PortId initiator_port_id, target_port_id;
  std::string device;  // RDMA device ("rxe0"), empty before the first resolution
  std::uint8_t port = 0;
  std::string source, destination;  // IP or GID in text
  std::array<std::uint8_t, 16> source_gid{}, destination_gid{};
  Error last_error;                   // why the last connection or attempt ended; code ok: none
  std::uint32_t channels_wanted = 1;  // SessionOptions::channels
  std::uint32_t channels_live = 0;
  Error channel_error;               // why a channel is missing, or was last; code ok: all are there
  std::uint64_t channel_losses = 0;  // of channels while others lived
  std::uint32_t request_limit =
      0;  // granted by the target, over all live channels; without one, what the first had
  std::uint32_t max_it_iu_bytes = 0;  // negotiated
  bool immediate_data = false;        // negotiated
  std::uint32_t outstanding = 0;      // commands at the target now
  std::uint64_t connects = 0;         // logins that succeeded
  std::uint64_t losses = 0;           // connections lost by accident
  std::uint64_t commands = 0, command_errors = 0;
  std::uint64_t read_bytes = 0, written_bytes = 0;
  std::chrono::nanoseconds last_disconnect{0};  // from the loss or call until no request was outstanding
  // Remaining time of each running timer.
  OptionalMilliseconds next_attempt_in, fast_io_fail_in, dev_loss_in;
};

// What has become of a logical unit. Several can be true at once, of one that is back with another size for example.
struct UnitChange {
  bool found = false;    // by the first login; no other is true then
  bool resized = false;  // it has another number of blocks
  bool away = false;     // it is away, or is away for another reason than before (LogicalUnitInfo::away)
  bool back = false;     // it is not away any more
  std::uint64_t old_blocks = 0;  // resized: how many blocks it had
};

// Called on the session's thread, from create, poll, disconnect, reconnect or erase. It may call the session's const
// functions and submit, nothing else of the session.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  // `cause` has code ok where the change was asked for or is good news.
  virtual void on_state(SessionState from, SessionState to, const Error& cause) = 0;
  // A unit was found or has changed; info() has the new values. Found units are told before `live` is.
  virtual void on_logical_unit(LogicalUnit&, const UnitChange&) {}
  // An automatic or requested attempt failed; the state tells whether more will follow.
  virtual void on_attempt_failed(const Error&) {}
  // The target reported something beside its answers; the unit that it is about, null where it is none of
  // ours.
  virtual void on_event(SessionEvent, LogicalUnit*) {}
};

class Session {
 public:
  // Starts to connect; the outcome comes through poll as a change to `live`, or to `disconnected` with the
  // error. Errors: invalid_argument (SessionOptions::validate); no_memory (also: out of file descriptors). A machine without RDMA is
  // none: there the attempt fails, with no_device and what is missing, and automatic ones go on, for a device
  // or a module may come later. The observer, if any, must outlive the session.
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(const TargetAddress&,
                                                               const SessionOptions& = {},
                                                               SessionObserver* = nullptr);
  virtual ~Session() = default;  // as erase()

  // Fails every outstanding request with no_connect, ends the connection, keeps everything above it. When it returns,
  // no request is outstanding. Permitted in every state but `erased` (wrong_state).
  [[nodiscard]] virtual Result<> disconnect() = 0;
  // Starts to connect again now, whether an administrator or an accident ended the connection; also cuts a running
  // delay between automatic attempts short. `live`: only missing channels and units that are away are asked for again.
  // The units must prove to be the same ones: otherwise the state becomes `disconnected` with identity_mismatch. One
  // that does not answer is away (LogicalUnitInfo::away), unless none does. Permitted in every state but `erased`.
  [[nodiscard]] virtual Result<> reconnect() = 0;
  // disconnect, for good: the state is `erased` when it returns, and submit answers no_connect from then on.
  virtual void erase() = 0;

  [[nodiscard]] virtual SessionState state() const noexcept = 0;
  [[nodiscard]] virtual SessionStatus status() const = 0;
  [[nodiscard]] virtual std::span<const std::unique_ptr<LogicalUnit>> logical_units() const noexcept = 0;

  // Makes the bytes reachable for the target. Any state but `erased`; before the first connection has found its
  // device, the registration happens then (and can fail the attempt with no_memory). Errors: invalid_argument (no bytes),
  // wrong_state, no_memory.
  [[nodiscard]] virtual Result<std::unique_ptr<Memory>> register_memory(std::span<std::byte>) = 0;

  // Sends what was submitted, takes what has arrived, runs what is due. Returns the number of things done; 0: idle.
  virtual std::size_t poll() = 0;
  // Sends what was submitted, nothing else: no completion runs. What has ended without the target waits for the next
  // poll, and makes fd() readable after arm().
  virtual void flush() = 0;
  // Prepares to sleep: from now until the next poll, fd() becomes readable when poll has something to do (timers
  // included). False: there is something already.
  [[nodiscard]] virtual bool arm() = 0;
  [[nodiscard]] virtual int fd() const noexcept = 0;  // the session's own; constant for its life

 protected:
  Session() = default;
};

}  // namespace srpi
