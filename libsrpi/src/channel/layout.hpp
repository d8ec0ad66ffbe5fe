// SPDX-License-Identifier: Apache-2.0
// How a channel's buffers and queues are dimensioned. Private to the channel's files.
#pragma once

#include <cstdint>

#include "channel/channel.hpp"

namespace srpi::channel {

// SRP_CMD: 48 bytes with CDB, then at most an indirect header (20) and its descriptors (16 each).
inline constexpr std::uint32_t kCommandBytes = 48;
inline constexpr std::uint32_t kIndirectHeaderBytes = 20;
inline constexpr std::uint32_t kDescriptorBytes = 16;
// SRP_RSP: 36 bytes, 4 of response data, at most 252 of sense data; targets pad to their own sizes. A login response's
// MAXIMUM TARGET TO INITIATOR IU LENGTH does not say more: Linux' echoes there what we ask for in the other direction, up to
// 64 KiB, of which it never sends more than some 300 bytes. A longer unit is fault 11: a loss, nothing overwritten.
inline constexpr std::uint32_t kReceiveBytes = 1024;
inline constexpr std::uint32_t kInlineBytes = 128;

inline constexpr std::uint32_t kPostBatch = 32;     // work requests one post_send takes
inline constexpr std::uint32_t kPollBatch = 32;     // completions one poll takes
inline constexpr std::uint32_t kReceiveBatch = 16;  // receives posted at a time
inline constexpr std::uint32_t kSignalEvery = 32;   // one signaled send frees this many queue entries

// Answers to target requests are sent from slots behind the commands' own: SRP permits one unanswered target request,
// so this many can only be in use at a time if a target breaks the rule.
inline constexpr std::uint32_t kAnswerSlots = 4;
inline constexpr std::uint64_t kSignaledId = 1ull << 63;  // the lower bits count the entries that it frees

constexpr std::uint32_t round_up(std::uint32_t n, std::uint32_t to) { return (n + to - 1) / to * to; }
constexpr std::uint32_t send_slot_bytes(const ChannelLimits& l) {
  return round_up(kCommandBytes + kIndirectHeaderBytes + kDescriptorBytes * l.segments, 64);
}
// One more than may be used by commands: for the probe, which goes when they have taken all the others.
constexpr std::uint32_t command_slots(const ChannelLimits& l) { return l.queue_depth + 1; }
constexpr std::uint32_t send_slot_count(const ChannelLimits& l) {
  return command_slots(l) + kAnswerSlots + kTmfSlots;
}
// Answers come before the completion of the send that they answer is known: up to kSignalEvery entries lag
// behind, twice when a batch straddles the signaled one.
constexpr std::uint32_t send_depth(const ChannelLimits& l) {
  return command_slots(l) + 2 * kSignalEvery + kAnswerSlots + kTmfSlots;
}
// One answer for each command and function, one target request, and those waiting to be posted in a batch.
constexpr std::uint32_t receive_count(const ChannelLimits& l) {
  return command_slots(l) + kTmfSlots + 2 + kReceiveBatch;
}

}  // namespace srpi::channel
