// SPDX-License-Identifier: Apache-2.0
// An NBD request in progress (Job) and its block requests (Piece). A request has one piece; a large write has
// several, and the first ones are executed while the rest arrives. Both types are slots of their connection.
//
// Ownership:
//   Job    the connection's, from the request's header until the reply is sent or the connection is closed
//   Piece  the connection's while it is filled; the library's from submit until on_complete
#pragma once

#include <array>
#include <boost/intrusive/slist.hpp>
#include <cstddef>
#include <cstdint>

#include "lane/io_memory.hpp"
#include "nbd/request_stream.hpp"
#include "nbd/wire.hpp"
#include "srpi/io_request.hpp"

namespace srp_nbd {

class NbdConnection;

inline constexpr std::size_t kMaxSegments = 48;  // per piece: 32 MiB in blocks of 1 MiB, and some more
inline constexpr std::uint32_t kMaxPieceBytes = 1u << 20;  // a write's piece of this size is submitted

struct Job : SlotHook {
  NbdRequest request;
  nbd::WireError error = nbd::WireError::ok;
  std::uint32_t pieces = 0;        // submitted and not completed
  std::uint32_t issued_bytes = 0;  // of a write: submitted bytes
  bool received = false;           // the request is complete, and all its pieces are submitted
  nbd::SimpleReply reply;          // sent from here
  std::uint32_t blocks = 0;        // a read's memory, until the reply is sent
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
  bool holds_chunks = false;  // a write: each segment has a reference to its chunk
  std::array<srpi::Segment, kMaxSegments> segment;
};

}  // namespace srp_nbd
