// SPDX-License-Identifier: Apache-2.0
// The sizes of a channel's buffers and queues. Private to the channel's files.
#pragma once

#include <cstdint>

#include "channel/limits.hpp"

namespace srpi::channel {

// SRP_CMD has 48 bytes with the CDB, then at most an indirect header (20) and its descriptors (16 each).
inline constexpr std::uint32_t kCommandBytes = 48;
inline constexpr std::uint32_t kIndirectHeaderBytes = 20;
inline constexpr std::uint32_t kDescriptorBytes = 16;
// SRP_RSP has 36 bytes, 4 of response data and at most 252 of sense data; targets may add padding. The login
// response's MAXIMUM TARGET TO INITIATOR IU LENGTH does not help: Linux's target returns the length that we
// request in the other direction, up to 64 KiB, but sends some 300 bytes at most. A longer unit is row 11 of
// the fault matrix: a loss, and nothing is overwritten.
inline constexpr std::uint32_t kReceiveBytes = 1024;
inline constexpr std::uint32_t kInlineBytes = 128;

inline constexpr std::uint32_t kPostBatch = 32;     // work requests per post_send
inline constexpr std::uint32_t kPollBatch = 32;     // completions per poll
inline constexpr std::uint32_t kReceiveBatch = 16;  // receives per post_receive
inline constexpr std::uint32_t kSignalEvery = 32;   // send queue entries per signaled send

// Answers to target requests have slots after those of the commands. SRP permits one unanswered target
// request; a target with more of them than slots loses the channel.
inline constexpr std::uint32_t kAnswerSlots = 4;

constexpr std::uint32_t round_up(std::uint32_t n, std::uint32_t to) { return (n + to - 1) / to * to; }
constexpr std::uint32_t send_slot_bytes(const ChannelLimits& l) {
  return round_up(kCommandBytes + kIndirectHeaderBytes + kDescriptorBytes * l.segments, 64);
}
// One more than commands may use, for the keepalive.
constexpr std::uint32_t command_slots(const ChannelLimits& l) { return l.queue_depth + 1; }
constexpr std::uint32_t send_slot_count(const ChannelLimits& l) {
  return command_slots(l) + kAnswerSlots + kTmfSlots;
}
// The answer to a send may come before the send's own completion is known. So up to kSignalEvery entries are
// still in use, and twice as many around the signaled send of a batch.
constexpr std::uint32_t send_depth(const ChannelLimits& l) {
  return command_slots(l) + 2 * kSignalEvery + kAnswerSlots + kTmfSlots;
}
// One receive for each command's and function's answer, one for a target request, and the ones that wait to
// be posted in a batch.
constexpr std::uint32_t receive_count(const ChannelLimits& l) {
  return command_slots(l) + kTmfSlots + 2 + kReceiveBatch;
}

}  // namespace srpi::channel
