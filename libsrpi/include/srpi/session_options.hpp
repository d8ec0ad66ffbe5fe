// SPDX-License-Identifier: Apache-2.0
// What a session can be told: limits, timers, and where it reports to.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "srpi/error.hpp"
#include "srpi/port_id.hpp"

namespace srpi {

enum class LogLevel : std::uint8_t { debug, info, warning, error };
using LogSink = std::function<void(LogLevel, std::string_view)>;

// A timer that can be off (nullopt, written "off").
using Milliseconds = std::chrono::milliseconds;
using OptionalMilliseconds = std::optional<Milliseconds>;

struct SessionOptions {
  // Who we are. Both unset: a random extension, so that no two sessions evict each other; the GUID half comes from
  // the RDMA port. initiator_port_id sets all 16 bytes (LIO's ACLs in GID form name these).
  std::optional<std::uint64_t> initiator_ext;
  std::optional<PortId> initiator_port_id;

  // LUNs wanted (flat numbers), 256 at most; empty: all that the target reports. Of more than 256 the rest is
  // left out, and the log has a warning.
  std::vector<std::uint64_t> luns;

  // RDMA channels (queue pairs) of the session, 1..16, all driven by its one thread. The session lives with
  // as many of them as the target takes, one at least: SessionStatus tells, and the log.
  std::uint32_t channels = 1;
  // Commands at the target at a time over each channel, at most, a keepalive not counted; 1..4096, and as many
  // over all channels together; the target may grant less.
  std::uint32_t queue_depth = 128;
  // Largest request (information unit) we ask for, a smaller one where that is refused: kLeastItIuBytes to
  // kMostItIuBytes. The least carries a command (48 bytes) with an indirect table (20) of one descriptor
  // (16).
  std::uint32_t max_it_iu_bytes = 8260;
  static constexpr std::uint32_t kLeastItIuBytes = 48 + 20 + 16, kMostItIuBytes = 65536;
  std::uint32_t descriptors = 32;               // memory descriptors in one command; 1..255
  std::uint32_t max_transfer_bytes = 1u << 20;  // of one command; the target's own limit also holds
  bool immediate_data = true;                   // use it where the target grants it

  // One attempt, from the look-up of a host name to the last probe and the fence. After a loss the first ones end earlier
  // if the peer does not answer the login: after 1 s, 2 s, 4 s, ...
  Milliseconds connect_timeout{5000};
  Milliseconds command_timeout{10000};  // one command, with all that it is sent again for
  // ABORT TASK for a command that was not answered in time, and again LOGICAL UNIT RESET if that did not end
  // it; then the connection ends. So a command is over after command_timeout and twice this.
  Milliseconds task_management_timeout{2000};
  // Idle this long: ask the target whether it is still there. So a silent peer is noticed this and
  // silent_peer_noticed_within() after it was last heard of, one that only does not answer this and
  // command_timeout after.
  // While answers are due, nothing heard for kAnswersAwaited is enough to ask: the transport has nothing to try
  // again where the peer had acknowledged all requests before it fell silent. Off: neither.
  OptionalMilliseconds keepalive{5000};
  static constexpr Milliseconds kAnswersAwaited{100};
  OptionalMilliseconds reconnect_delay{
      10000};                               // cap of the growing delay between automatic attempts; off: none
  Milliseconds reconnect_first_delay{100};  // the second automatic attempt; the first comes at once
  // After an accident, hold I/O this long before failing it: what was at the target, too, which is sent again
  // after the login, the proof and the fence (without the fence only reads are). 0: fail all at once.
  Milliseconds fast_io_fail{0};
  OptionalMilliseconds dev_loss;  // after an accident, erase the session after this long

  // A write that was unanswered when the connection was lost may be applied by the target after the next
  // login, over a newer one. With the fence, LOGICAL UNIT RESET ends such writes before any I/O is let
  // through again; the login fails until the target confirms it. Its price: it also aborts what other
  // initiators have under way on that unit (they are told by a unit attention, and send it again). Without: a
  // target that outlives the connection's writes can bring old data back.
  bool fence = true;
  // The same at the session's first login, for all its units: for a session that takes the place of an
  // earlier one, of this process or of one that died, whose writes may still be on their way. Needs `fence`.
  bool fence_first_login = false;

  // A peer that falls silent under I/O is noticed when the transport's retries are used up, which begin after
  // kAnswersAwaited at the latest: 4.096 us * 2^exponent a try, the first and retry_count more. Adapters are free to wait up to four times as long for
  // each. The defaults are 0.5 s, 1.9 s at most.
  std::uint8_t retry_count = 6;            // 0..6: 7 means for ever on rxe of Linux 6.1
  std::uint8_t ack_timeout_exponent = 14;  // 1..31; some adapters raise small ones

  LogSink log;  // called on the session's thread; empty: nothing is logged

  // How long the transport tries, from retry_count and ack_timeout_exponent; and when it has given up also on
  // adapters that wait four times as long.
  [[nodiscard]] std::chrono::nanoseconds transport_tries_for() const noexcept {
    // InfiniBand 9.7.6.1.3: the timeout of one try, times the tries.
    return std::chrono::nanoseconds((std::int64_t{4096} << ack_timeout_exponent) * (retry_count + 1));
  }
  [[nodiscard]] Milliseconds silent_peer_noticed_within() const noexcept;

  // The longest that a request may take from submit to completion, with all commands that it is made of and all
  // retries of them.
  [[nodiscard]] Milliseconds longest_request() const noexcept;

  // Errors: invalid_argument, naming the option, its value and its range, or both options of a rule:
  //   dev_loss is not shorter than fast_io_fail: otherwise what is held would never be failed for that reason
  //   a silent peer is noticed (without the factor four) not later than the command_timeout: otherwise aborts would
  //   be sent into the silence
  //   fence_first_login needs fence
  //   channels * queue_depth is 4096 at most
  [[nodiscard]] Result<> validate() const;
};

}  // namespace srpi
