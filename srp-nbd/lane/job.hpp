// SPDX-License-Identifier: Apache-2.0
// One NBD request under way (Job), and the block requests that it becomes (Piece: one, or several for a large write,
// which is executed while it still arrives). Both live in arrays of their connection.
#pragma once

#include <array>
#include <cstdint>

#include "lane/read_pool.hpp"
#include "nbd/request_stream.hpp"
#include "nbd/wire.hpp"
#include "srpi/io_request.hpp"

namespace srp_nbd {

class Connection;

inline constexpr std::size_t kMaxSegments = 48;  // of one piece: 32 MiB in blocks of 1 MiB, and some
inline constexpr std::size_t kTailBytes = 4096;  // of a chunk, for bringing a payload to a multiple of it
inline constexpr std::uint32_t kMaxPieceBytes = 1u << 20;  // a write is sent on when this much of it is there

struct Job {
  Job* next = nullptr;  // in the free list, or among the replies
  NbdRequest request;
  nbd::WireError error = nbd::WireError::ok;
  std::uint32_t pieces = 0;        // submitted, not completed
  std::uint32_t issued_bytes = 0;  // of a write: handed to pieces
  bool received = false;           // all of it has come, and all of it is in pieces
  nbd::SimpleReply reply;          // referenced by the send that carries it
  std::uint32_t blocks = 0;        // a read's, from taking until the reply is out
  std::array<ReadPool::Block, kMaxSegments> block;
};

struct Piece {
  Piece* next = nullptr;
  srpi::IoRequest io;
  Job* job = nullptr;
  Connection* connection = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t segments = 0;
  bool holds_chunks = false;  // each segment of a write has a reference on its chunk
  std::array<srpi::Segment, kMaxSegments> segment;
};

}  // namespace srp_nbd
