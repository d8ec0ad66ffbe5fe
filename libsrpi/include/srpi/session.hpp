// SPDX-License-Identifier: Apache-2.0
// A session with an SRP target (an I_T nexus) and its logical units. It is poll-driven: it has no thread and
// no loop of its own.
//
//   auto target = srpi::parse_target("srp://192.0.2.1:5555/?id_ext=…&ioc_guid=…").value();
//   auto session = srpi::Session::create(target.address, target.overrides.applied_to({}), observer).value();
//   while (running) {
//     if (session->poll() > 0) continue;                      // busy: poll again
//     if (session->arm()) wait_readable(session->fd());       // idle: sleep on one file descriptor
//   }
//
// Threads. A session, its logical units, its memory and its requests belong to one thread at a time, also for
// const functions. Threads may take turns, if something (a mutex, a strand) orders them. Different sessions
// share nothing. The library starts one thread of its own, to look up a host name that is not numeric. All
// signals are blocked in that thread. It calls no function of the caller, and it may outlive the session.
//
// Callbacks. on_complete, the observer and the log sink run on the session's thread, within its functions.
// on_complete may call the functions of logical units, register_memory and const functions of the session; it
// may destroy its request, and a Memory that no other request uses. The observer may call the const functions
// and LogicalUnit::submit. The log sink may call no function of the session. No callback may destroy the
// session or call its poll, flush, arm, disconnect, reconnect or erase: note the wish, and do it after poll.
// disconnect and reconnect return wrong_state there, arm returns false, flush does nothing; poll, erase and
// the destructor end the process.
//
// Fork. A session stays with the process that made it. A child of fork() must not call its functions, nor
// destroy it: the child shares the connection, and would end it for its parent. It leaves by exec or _exit.
// All descriptors of the library are closed by exec. system(), popen() and posix_spawn() are safe.
//   Linux 5.12 and later copy registered pages for the child. On older kernels, the library has libibverbs
// keep these pages from the child (ibv_fork_init): a child that goes on without exec must not touch them, so
// register whole pages; and hugetlbfs pages need RDMAV_HUGEPAGES_SAFE=1 in the environment. That fails if the
// program has registered memory with libibverbs before its first session. Such a program calls ibv_fork_init
// at its begin.
//
// Memory. Once the session is live, submit, poll, flush and arm allocate nothing for requests. If other work
// finds no memory:
//   - a function that returns a Result returns no_memory, and has changed nothing;
//   - an attempt to connect fails with no_memory, and others follow as after any failure;
//   - an error has its code but no text, and the log lacks a line;
//   - a function that returns a string or a status by value throws std::bad_alloc. No other function throws.
// An observer must not throw. A log sink may throw std::bad_alloc, nothing else.
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
#include "srpi/export.hpp"
#include "srpi/io_request.hpp"
#include "srpi/memory.hpp"
#include "srpi/port_id.hpp"
#include "srpi/session_event.hpp"
#include "srpi/session_options.hpp"
#include "srpi/target_address.hpp"
#include "srpi/task_request.hpp"

namespace srpi {

enum class SessionState : std::uint8_t {
  connecting,  // the first login, or a login that reconnect() started, is running; I/O fails at once
  live,        // I/O goes to the target
  // The connection was lost. I/O is held for fast_io_fail, and the session logs in again by itself.
  recovering,
  disconnecting,  // requests are being failed and the queue pairs destroyed; I/O fails at once
  // I/O fails at once. After disconnect(), this lasts until reconnect(). Otherwise the session logs in again by
  // itself, unless reconnect_delay is off or the error is permanent (login_rejected, identity_mismatch, evicted,
  // already_exists, invalid_argument).
  disconnected,
  erased,  // final; I/O fails at once
};
[[nodiscard]] SRPI_EXPORT const char* to_string(SessionState) noexcept;

// What the unit said in INQUIRY, VPD pages 0x80, 0x83 and 0xB0 to 0xB2, READ CAPACITY and MODE SENSE.
struct LogicalUnitInfo {
  std::uint64_t lun = 0;  // the flat number of a flat LUN, otherwise its 8 bytes as a number
  std::string wwid;       // "naa.6001405…", "eui.…" or "t10.…"; empty if the unit has none
  std::string serial, vendor, product, revision;
  std::uint32_t block_size = 512;           // bytes
  std::uint32_t physical_block_size = 512;  // bytes
  std::uint64_t blocks = 0;
  std::uint32_t max_transfer_blocks = 0;  // of one command; larger requests are split
  bool read_only = false;
  bool write_cache = false;            // a volatile one: a write is on stable storage after a flush only
  bool can_force_unit_access = false;  // without it, IoRequest::force_unit_access costs a flush
  bool can_unmap = false;
  bool can_write_zeroes = false;
  bool rotational = false;
  // A unit is away when its I/O fails although the session is live. This is the error of its I/O: not_ready, no_such_lun,
  // identity_mismatch (it is a different unit, or has shrunk), …, or timed_out if the unit answers nothing and has cost a
  // connection. Code ok: the unit is not away. While it is away, the other fields keep their last known values.
  Error away;
};

// A unit that the target reports, but that the session could not take: without a usable block size, capacity or
// identity. The session does not use it; a rescan asks it again.
struct UnitNotTaken {
  std::uint64_t lun = 0;  // as LogicalUnitInfo::lun
  Error why;
};

// A unit stays valid, at the same address, until the session is destroyed.
class SRPI_EXPORT LogicalUnit {
 public:
  virtual ~LogicalUnit() = default;
  [[nodiscard]] virtual const LogicalUnitInfo& info() const noexcept = 0;

  // Takes the request and sends it with the next Session::poll or Session::flush, together with all others
  // that were submitted until then (one doorbell). A request that is larger than one command is split.
  // Requests are not ordered among each other. Permitted in every state, also from within on_complete.
  // Returns ok: the session has the request, which completes exactly once, by IoRequest::on_complete, never from
  // within submit. Otherwise nothing has changed, and on_complete is not called for this submit:
  //   in_progress       the request is under way already, here or at another unit
  //   invalid_argument  on_complete is null
  //   no_connect        the session is being destroyed: its destructor has called on_complete
  // A program that keeps the rules of IoRequest never gets these, so it need not look.
  // All other errors come by IoRequest::status:
  //   invalid_argument  the operation is none; it has no blocks, an empty segment, or another number of bytes than
  //                     blocks * block_size; unmap or write_zeroes with data; flush with blocks or data
  //   out_of_range      it reaches beyond LogicalUnitInfo::blocks
  //   misaligned        a segment is not a whole number of blocks
  //   not_registered    a segment lies outside its Memory, has none, or one that is not of this session
  //   write_protected   the unit is read_only
  //   not_supported     unmap or write_zeroes, and the unit has no such command
  //   no_connect        the session is not connected, or lost the connection before the answer came
  //   timed_out         no answer within command_timeout
  //   cancelled         abort()
  //   others            the target's answer, or LogicalUnitInfo::away
  virtual Errc submit(IoRequest&) noexcept = 0;

  // For operators. Ends every request that was submitted before: with `cancelled`, or with its own result if
  // that came first. The session ends commands at the target by ABORT TASK. If the target refuses, the
  // session sends LOGICAL UNIT RESET. If that also fails, the session ends the connection. This function
  // completes after all these requests have completed.
  // Returns as submit. Permitted in every state. Errors: no_connect (the connection ended first, and so did the
  // requests).
  virtual Errc abort(TaskRequest&) noexcept = 0;
  // For operators. Sends LOGICAL UNIT RESET. Our requests at the target are sent again within their time.
  // Commands of other initiators are aborted; these initiators are told by a unit attention.
  // Returns as submit. Permitted in every state. Errors: no_connect (not live, or the connection ended first);
  // timed_out (no answer within task_management_timeout); not_supported; target_error (the target refused it).
  virtual Errc reset(TaskRequest&) noexcept = 0;
};

// The work of a session since it was made, and at this moment.
struct SessionCounters {
  std::uint64_t connects = 0;  // logins that succeeded
  std::uint64_t losses = 0;    // connections lost by accident
  std::uint64_t commands = 0, command_errors = 0;
  std::uint64_t outstanding = 0;  // commands at the target now
  std::uint64_t read_bytes = 0, written_bytes = 0;
};

// The present state of a session, for people, scripts and fabric monitors.
struct SessionStatus : SessionCounters {
  SessionState state = SessionState::connecting;
  bool by_administrator = false;  // in disconnecting and disconnected: disconnect() is the cause, no accident
  TargetAddress target;
  PortId initiator_port_id, target_port_id;
  std::string device;  // RDMA device ("rxe0"); empty before the first connection has found one
  std::uint8_t port = 0;
  std::string source, destination;  // IP address or GID as text
  std::array<std::uint8_t, 16> source_gid{}, destination_gid{};
  Error last_error;                   // why the last connection or attempt ended; code ok: no such error
  std::uint32_t channels_wanted = 1;  // SessionOptions::channels
  std::uint32_t channels_live = 0;
  Error channel_error;               // why a channel is missing, or was missing last; code ok: none was
  std::uint64_t channel_losses = 0;  // channels lost while others lived
  // What the target grants, summed over all live channels. If none is live: the first channel's last value.
  std::uint32_t request_limit = 0;
  std::uint32_t max_it_iu_bytes = 0;  // negotiated; the least of all channels
  bool immediate_data = false;        // negotiated, on all channels
  std::vector<UnitNotTaken> units_not_taken;
  Error
      rescan_error;  // why the last search for further units has failed; code ok: it did not, or there was none
  // The time from the begin of the last disconnect() or loss until no request was outstanding.
  std::chrono::nanoseconds last_teardown_duration{0};
  // The remaining time of each timer that runs.
  OptionalMilliseconds next_attempt_in, fast_io_fail_in, dev_loss_in;
};

// What has changed about a logical unit: several, or none if only read_only, can_unmap or can_write_zeroes has.
struct UnitChange {
  bool found =
      false;  // by the first login or a rescan; no other is true then. A call with `away` may follow at once
  bool resized = false;  // it has another number of blocks
  bool away = false;     // it is away, or is away for another reason than before (LogicalUnitInfo::away)
  bool back = false;     // it is not away any more
  std::uint64_t old_blocks = 0;  // resized: how many blocks it had
};

// Called on the session's thread, from within create, poll, disconnect, reconnect, erase or the destructor. It
// may call the const functions of the session and LogicalUnit::submit, no other function of the session. From
// within create there is no session yet that it could call.
class SRPI_EXPORT SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  // `cause` has code ok if the change was requested, or is a success.
  virtual void on_state(SessionState from, SessionState to, const Error& cause) = 0;
  // A unit was found or has changed; info() has the new values. Units that are found are reported before
  // `live` by the first login; a rescan finds further ones later.
  virtual void on_logical_unit(LogicalUnit&, const UnitChange&) {}
  // The first login, before `live`, or a rescan could not take this unit. Reported once for each reason.
  virtual void on_unit_not_taken(const UnitNotTaken&) {}
  // An attempt to connect failed. SessionStatus::next_attempt_in tells whether another one follows.
  virtual void on_attempt_failed(const Error&) {}
  // The target has reported an event. The unit is null if the event is about no unit of the session.
  virtual void on_event(SessionEvent, LogicalUnit*) {}
};

class SRPI_EXPORT Session {
 public:
  // Makes a session and starts its first attempt to connect. The outcome comes through poll: the state
  // becomes `live`, or `disconnected` with the error. On a machine without RDMA the error is no_device, and
  // attempts go on, because a device may be added later.
  // Ownership: the observer, if any, must outlive the session.
  // Permitted in every thread, which then has the session.
  // Errors: invalid_argument (SessionOptions::validate, a RamAddress beyond its limits); no_memory (also: no file
  // descriptors left).
  [[nodiscard]] static Result<std::unique_ptr<Session>> create(const TargetAddress&,
                                                               const SessionOptions& = {},
                                                               SessionObserver* = nullptr);
  // As erase(). The session's units end with it; its Memories are detached (memory.hpp).
  virtual ~Session() = default;

  // Ends the connection and fails every outstanding request with no_connect. Units and memory stay. When it
  // returns, no request is outstanding and the state is `disconnected` until reconnect(). Takes no longer
  // than the local work.
  // Permitted in every state but `erased`. Errors: wrong_state (also: within a callback).
  [[nodiscard]] virtual Result<> disconnect() = 0;
  // Starts an attempt to connect now, after disconnect() or after an accident, and ends a delay between
  // automatic attempts. The outcome comes through poll. In `live`, it tries at once to connect missing channels
  // and to reach units that are away. After the login, each unit must prove to be the same one. A unit that does not
  // answer, or is a different one, is away. If all are away, the attempt fails; if none may be the same later, the state
  // becomes `disconnected` with identity_mismatch.
  // Permitted in every state but `erased`. Errors: wrong_state (also: within a callback).
  [[nodiscard]] virtual Result<> reconnect() = 0;
  // Gives options of a running session other values: those with SessionOption::changes_live (keepalive, reconnect_delay,
  // reconnect_first_delay, dev_loss). They hold at once, also for the dev_loss of a loss that has happened. A delay
  // between two attempts that has begun keeps its length. A session that waits because reconnect_delay was off tries
  // at once.
  // Permitted in every state but `erased`. Errors, and then nothing has changed: invalid_argument (another option
  // differs: its name is in the detail; or as SessionOptions::validate); wrong_state (also: within a callback);
  // no_memory.
  [[nodiscard]] virtual Result<> change_options(const SessionOptions&) = 0;
  // As disconnect(), for good: the state is `erased` when it returns.
  // Permitted in every state.
  virtual void erase() = 0;

  [[nodiscard]] virtual SessionState state() const noexcept = 0;
  [[nodiscard]] virtual SessionStatus status() const = 0;
  // Empty until the first login has found them. A rescan may add units at the end, up to 256 in all; until the session
  // is destroyed, none goes and none gets another index. Do not keep the span over the first login. A span that was
  // kept over a rescan is valid, without the new units.
  [[nodiscard]] virtual std::span<const std::unique_ptr<LogicalUnit>> logical_units() const noexcept = 0;

  // The session registers the bytes for the target's access. memory.hpp names the owners of the bytes, of the Memory and
  // of the registration. The session finds its RDMA device with its first connection, and registers earlier bytes then. That
  // attempt to connect fails with no_memory if the device cannot register them.
  // Limits: any address and length; the device, the kernel and RLIMIT_MEMLOCK limit how much. The same bytes may be
  // registered several times.
  // Permitted in every state but `erased`. Errors: invalid_argument (no bytes, or none that the device can reach);
  // wrong_state; no_memory; permission_denied; device_removed.
  [[nodiscard]] virtual Result<std::unique_ptr<Memory>> register_memory(std::span<std::byte>) = 0;

  // Sends what was submitted, takes what has arrived, runs the timers that are due, calls on_complete of the
  // requests that have ended. Never waits. Permitted in every state. Returns the number of things done; 0 means
  // idle.
  virtual std::size_t poll() = 0;
  // Sends what was submitted. No completion runs. A request that ends without the target waits for the next
  // poll, and makes fd() readable after arm(). Permitted in every state.
  virtual void flush() = 0;
  // Prepares to sleep: from now until the next poll, fd() becomes readable when poll has something to do. That is
  // an answer, a timer, or what the program does meanwhile: the first submit, abort or reset after arm, and
  // reconnect, make fd() readable, at the cost of one system call. A loop that polls when it wakes up, before it
  // submits, saves that call.
  // Returns false if poll has something to do already. Then do not sleep: poll.
  [[nodiscard]] virtual bool arm() = 0;
  // The session's own descriptor, the same for its whole life; the session closes it. Wait for it to be readable
  // (poll, epoll, io_uring); do nothing else with it.
  [[nodiscard]] virtual int fd() const noexcept = 0;

  // For operators. Finds out which units the target has now. Units that it did not have before are added to
  // logical_units() after the others, as if the first login had found them (SessionObserver::on_logical_unit,
  // on_unit_not_taken). Known units are proved again: one that is gone is away, one that is the same again is back.
  // No unit is removed. With SessionOptions::luns, nothing is added.
  // The session also does this by itself, unless it has SessionOptions::luns: after each event with a proof
  // (SessionEvent), such as logical_units_changed, and after each login but the first.
  // During an outage in which I/O is held, and while a login runs, it waits for the next login.
  // Returns as LogicalUnit::submit. Permitted in every state. Errors of TaskRequest::status: no_connect (the session is
  // not connected, or was lost and I/O is not held any more); the target's answer to REPORT LUNS; timed_out (there was
  // none); no_memory. SessionStatus::rescan_error has the words. A new unit that does not answer within connect_timeout
  // is not taken, and costs nothing else.
  virtual Errc rescan(TaskRequest&) noexcept = 0;

 protected:
  Session() = default;
};

}  // namespace srpi
