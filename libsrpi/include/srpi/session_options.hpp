// SPDX-License-Identifier: Apache-2.0
// The options of a session: limits, timers, and the log.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "srpi/error.hpp"
#include "srpi/export.hpp"
#include "srpi/port_id.hpp"

namespace srpi {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
using LogSink = std::function<void(LogLevel, std::string_view)>;

// OptionalMilliseconds is a timer that may be off (nullopt, written "off").
using Milliseconds = std::chrono::milliseconds;
using OptionalMilliseconds = std::optional<Milliseconds>;

struct SRPI_EXPORT SessionOptions {
  // Our identity. If both are unset, the extension is random, so that two sessions do not evict each other,
  // and the RDMA port gives the GUID half. initiator_port_id sets all 16 bytes, as LIO's ACLs in GID form
  // have them.
  std::optional<std::uint64_t> initiator_ext;
  std::optional<PortId> initiator_port_id;

  // The wanted LUNs (LogicalUnitInfo::lun), at most 256, each once. Each must be there and of use, otherwise the
  // first login fails. Empty means all LUNs that the target reports. If these are more than 256, the rest is left
  // out and the log has a warning.
  std::vector<std::uint64_t> luns;
  // With no wanted LUNs, the first login takes the units that it can take; SessionStatus::units_not_taken has the
  // others. True: it fails unless it can take all, and all are ready.
  bool all_or_nothing = false;

  // The number of RDMA channels (queue pairs), 1..16. The session's thread drives all of them. The session is
  // live with the channels that the target accepts, at least one. SessionStatus and the log report the
  // number.
  std::uint32_t channels = 1;
  // The limit of commands at the target per channel, without the keepalive: 1..4096. The limit over all
  // channels is 4096, too. The target may grant less.
  std::uint32_t queue_depth = 128;
  // The longest request (information unit) that a login asks for: kLeastItIuBytes to kMostItIuBytes. If the
  // target refuses it, the next login asks for less. The least one has room for a command (48 bytes) and an
  // indirect table (20) with one descriptor (16).
  std::uint32_t max_it_iu_bytes = 8260;
  static constexpr std::uint32_t kLeastItIuBytes = 48 + 20 + 16, kMostItIuBytes = 65536;
  std::uint32_t descriptors = 32;               // memory descriptors per command: 1..255
  std::uint32_t max_transfer_bytes = 1u << 20;  // per command; the target may have a lower limit
  bool immediate_data = true;                   // use it if the target grants it

  // The time of one attempt: look-up of the host name, login, proof, fence. After a loss, the first attempts
  // end earlier if the peer does not answer the login: after 1 s, 2 s, 4 s, ...
  Milliseconds connect_timeout{5000};
  Milliseconds command_timeout{10000};  // of one command, including all retries
  // The time of ABORT TASK for a command that is not answered in time, and then of LOGICAL UNIT RESET. If
  // neither ends the command, the connection ends. So a command is over after command_timeout and twice this
  // time.
  Milliseconds task_management_timeout{2000};
  // After this idle time, the session asks the target whether it is still there. While answers are due, it
  // asks after kAnswersAwaited, because the transport repeats nothing if the peer has acknowledged all requests
  // before it became silent. So an idle session notices a silent peer within this time and
  // silent_peer_noticed_within(), and a target that only does not answer within this time and
  // command_timeout. Off: the session does not ask.
  OptionalMilliseconds keepalive{5000};
  static constexpr Milliseconds kAnswersAwaited{100};
  // The longest delay between automatic attempts. Off: no automatic attempts.
  OptionalMilliseconds reconnect_delay{10000};
  Milliseconds reconnect_first_delay{100};  // before the second automatic attempt; the first comes at once
  // After a loss, I/O is held for this time before it fails. Commands that were at the target are held, too,
  // and sent again after login, proof and fence; without the fence only reads are. With 0, I/O fails at once.
  Milliseconds fast_io_fail{0};
  OptionalMilliseconds dev_loss;  // after a loss, the session is erased after this time

  // The target may still apply an unanswered write of a lost connection after the next login, over a newer
  // write. The fence prevents this: after a loss, LOGICAL UNIT RESET ends such writes before new I/O is sent,
  // and a login fails until the target confirms it. The reset also ends commands of other initiators on that
  // unit; a unit attention tells them, and they send the commands again. Without the fence, such a target can
  // restore old data.
  bool fence = true;
  // Fences all units at the session's first login, too. Use it if the session replaces an earlier one, for
  // example of a process that died, whose writes may still come. Requires `fence`.
  bool fence_first_login = false;

  // A peer that becomes silent during I/O is noticed when the transport's tries are used up. They begin at
  // most kAnswersAwaited after its last sign of life. There are retry_count + 1 tries of 4.096 us *
  // 2^exponent each; adapters may take up to four times as long. The defaults give 0.5 s, at most 1.9 s.
  std::uint8_t retry_count = 6;            // 0..6; 7 would be for ever on rxe of Linux 6.1
  std::uint8_t ack_timeout_exponent = 14;  // 1..31; some adapters raise small ones

  // Asked before each login, on the session's thread: may the session log in with this initiator port id at this
  // target port id? A target ends the older of two sessions that have both ids in common. So a program that has several
  // sessions refuses what another one uses: the attempt fails with already_exists and the detail of the answer, and
  // no other attempt follows. It may throw std::bad_alloc, nothing else. Empty: every login is permitted.
  std::function<Result<>(const PortId& initiator, const PortId& target)> permit_port_ids;
  LogSink log;  // called on the session's thread; empty: no log

  // The time in which the transport tries, by retry_count and ack_timeout_exponent.
  // silent_peer_noticed_within is that time on adapters that wait four times as long.
  [[nodiscard]] std::chrono::nanoseconds transport_tries_for() const noexcept {
    // InfiniBand 9.7.6.1.3: the timeout of one try, times the tries.
    return std::chrono::nanoseconds((std::int64_t{4096} << ack_timeout_exponent) * (retry_count + 1));
  }
  [[nodiscard]] Milliseconds silent_peer_noticed_within() const noexcept;

  // The longest time of a request from submit to completion, including all its commands and their retries.
  [[nodiscard]] Milliseconds longest_request() const noexcept;

  // Errors: invalid_argument with the option, its value and its range, or with both options of a violated
  // rule:
  //   dev_loss is not shorter than fast_io_fail: otherwise held I/O would never fail for fast_io_fail
  //   a silent peer is noticed within command_timeout (without the factor four): otherwise aborts would be
  //   sent to a silent peer
  //   fence_first_login requires fence
  //   channels * queue_depth is at most 4096
  [[nodiscard]] Result<> validate() const;
};

}  // namespace srpi
