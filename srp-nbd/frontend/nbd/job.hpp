// SPDX-License-Identifier: Apache-2.0
// One NBD request under way (Job), and the block requests that it becomes (Piece): one, or several for a large write,
// which is executed while it still arrives. Both are slots of their connection.
//
// Ownership:
//   Job    the connection's, from the request's header until the reply is out, or the connection is closed
//   Piece  the connection's while it is filled; the library's from submit until on_complete
#pragma once

#include <array>
#include <boost/intrusive/slist.hpp>
#include <cstddef>
#include <cstdint>

#include "lane/read_pool.hpp"
#include "lane/slots.hpp"
#include "nbd/request_stream.hpp"
#include "nbd/wire.hpp"
#include "srpi/io_request.hpp"

namespace srp_nbd {

class NbdConnection;

inline constexpr std::size_t kMaxSegments = 48;  // of one piece: 32 MiB in blocks of 1 MiB, and some
inline constexpr std::uint32_t kMaxPieceBytes = 1u << 20;  // a write is sent on when this much of it is there

struct Job : SlotHook {
  NbdRequest request;
  nbd::WireError error = nbd::WireError::ok;
  std::uint32_t pieces = 0;        // submitted, not completed
  std::uint32_t issued_bytes = 0;  // of a write: handed to pieces
  bool received = false;           // all of it has come, and all of it is in pieces
  nbd::SimpleReply reply;          // referenced by the send that carries it
  std::uint32_t blocks = 0;        // a read's, from taking until the reply is out
  std::array<ReadPool::Block, kMaxSegments> block;
};
using JobList = boost::intrusive::slist<Job, boost::intrusive::cache_last<true>,
                                        boost::intrusive::constant_time_size<false>>;

struct Piece : SlotHook {
  srpi::IoRequest io;
  Job* job = nullptr;
  NbdConnection* connection = nullptr;
  std::uint32_t bytes = 0;
  std::uint32_t segments = 0;
  bool holds_chunks = false;  // each segment of a write has a reference on its chunk
  std::array<srpi::Segment, kMaxSegments> segment;
};

}  // namespace srp_nbd
