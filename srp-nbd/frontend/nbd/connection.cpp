// SPDX-License-Identifier: Apache-2.0
// The connection's start and end, and its receiving.
#include "frontend/nbd/connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "frontend/nbd/serve.hpp"

namespace srp_nbd {

static constexpr std::uint32_t kReservedPieces = 3;  // only for the arriving write

void serve_nbd(Lane& lane, std::uint64_t connection_id, UniqueFd socket, std::uint64_t lun,
               std::uint32_t max_request_bytes) {
  // A std::function must be copyable, so the descriptor is shared on its way to the thread.
  const auto shared = std::make_shared<UniqueFd>(std::move(socket));
  lane.host(connection_id, lun,
            [shared, max_request_bytes](LaneHost& host, srpi::LogicalUnit& unit, std::uint64_t id,
                                        std::uint32_t requests) {
              return std::make_unique<NbdConnection>(host, id, std::move(*shared), unit, requests,
                                                     max_request_bytes);
            });
}

NbdConnection::NbdConnection(LaneHost& lane, std::uint64_t id, UniqueFd fd, srpi::LogicalUnit& unit,
                             std::uint32_t requests, std::uint32_t max_request_bytes)
    : FrontEnd(lane, id),
      fd_(std::move(fd)),
      unit_(unit),
      export_(describe_export(unit.info(), lane.options())),
      jobs_(requests),
      pieces_(requests + kReservedPieces),
      buffer_(lane),
      receiving_(this,
                 [](void* self, int result) { static_cast<NbdConnection*>(self)->on_received(result); }),
      replies_(lane.ring(), fd_.get(), this,
               [](void* self, int result) { static_cast<NbdConnection*>(self)->on_sent(result); }) {
  export_.max_request_bytes = max_request_bytes;
  for (std::size_t i = 0; i < pieces_.size(); ++i) pieces_[i].connection = this;
  // io_uring waits until a socket is ready, but only if the socket is a blocking one.
  ::fcntl(fd_.get(), F_SETFL, ::fcntl(fd_.get(), F_GETFL) & ~O_NONBLOCK);
}

void NbdConnection::run() {
  parse();
  receive();
  end_if_drained();
}

bool NbdConnection::resume() {
  if (want_ != Want::nothing && !is_closing()) {
    want_ = Want::nothing;
    if (blocked_read_ != nullptr) begin_read(*std::exchange(blocked_read_, nullptr));
    run();
  }
  return want_ != Want::lane_memory;
}

void NbdConnection::service() {
  if (is_closing()) return;
  replies_.send();
  if (want_ == Want::own) (void)resume();
  end_if_drained();
}

void NbdConnection::on_close() {
  ::shutdown(fd_.get(), SHUT_RDWR);  // a receive or send in progress returns
  if (building_ != nullptr) give(*std::exchange(building_, nullptr));
  if (!receiving_.is_pending) buffer_.release();
  while (Job* job = replies_.pop_waiting()) give(*job);
  writing_ = blocked_read_ = nullptr;
}

const char* NbdConnection::stuck_since(Time limit, bool chunks_are_out) {
  if (is_closing()) return nullptr;
  if (replies_.is_stuck_since(limit)) return "took none of its answers";
  if (chunks_are_out && receiving_.is_pending && is_in_request() && receive_progress_ < limit)
    return "sent nothing of the request it had begun";
  return nullptr;
}

void NbdConnection::receive() {
  if (receiving_.is_pending || is_closing() || is_draining_ || want_ != Want::nothing) return;
  if (!is_in_request() && readiness_ != Readiness::readable && !lane_.may_keep_chunk(*this)) {
    readiness_ = Readiness::asked;
    buffer_.release_unless_shared();
    return lane_.ring().wait_readable(receiving_, fd_.get());
  }
  const auto to_boundary = bytes_to_boundary();
  if (!buffer_.make_room(to_boundary)) {
    want_ = Want::lane_memory;
    return lane_.wait_for_memory(*this);
  }
  readiness_ = Readiness::unknown;
  if (is_in_request()) receive_progress_ = std::chrono::steady_clock::now();
  const auto room = buffer_.room(to_boundary);
  lane_.ring().receive(receiving_, fd_.get(), room.data(), room.size());
}

void NbdConnection::on_received(int result) {
  if (is_closing()) {
    buffer_.release();
    return lane_.front_end_ended();
  }
  if (readiness_ == Readiness::asked) {
    readiness_ = Readiness::readable;
    return receive();
  }
  if (result == -EINTR || result == -EAGAIN) return receive();
  if (result < 0)
    return close(
        {srpi::Errc::no_connect, fmt::format("receiving from the client: {}", std::strerror(-result))});
  if (result == 0) {
    if (is_in_request())
      return close({srpi::Errc::protocol_error, "the client hung up in the middle of a request"});
    is_draining_ = true;
    return end_if_drained();
  }
  buffer_.received(static_cast<std::size_t>(result));
  run();
}

void NbdConnection::parse() {
  while (!is_closing() && !is_draining_ && buffer_.can_be_parsed() && ready_for_more()) {
    const auto bytes = buffer_.unparsed();
    const auto item = stream_.next(bytes);
    buffer_.parsed(item.consumed);
    switch (item.what) {
      case RequestStream::What::need_more: return;
      case RequestStream::What::broken: return close({srpi::Errc::protocol_error, item.problem});
      case RequestStream::What::request: begin(item.request); break;
      case RequestStream::What::payload:
        append_payload(bytes.data(), static_cast<std::uint32_t>(item.consumed));
        break;
    }
  }
}

// Returns true if the connection has the slots for any bytes that the stream may contain next.
bool NbdConnection::ready_for_more() noexcept {
  if (want_ != Want::nothing) return false;
  bool is_ready = false;
  if (stream_.payload_left() == 0)
    is_ready = jobs_.free() > 0 && pieces_.free() >= kReservedPieces;
  else if (building_ == nullptr)
    is_ready = pieces_.free() > 0 || writing_->error != 0;
  else
    is_ready = building_->segments + 2 <= kMaxSegments ||
               (submit_building(Payload::goes_on) && (building_ != nullptr || pieces_.free() > 0));
  if (!is_ready) want_ = Want::own;
  return is_ready;
}

void NbdConnection::on_sent(int result) {
  if (!is_closing() && replies_.send_rest(result)) return;
  while (Job* job = replies_.pop_sent())
    if (job->received)
      give(*job);
    else
      give_read_blocks(*job);  // service() begins the next round
  if (is_closing()) return lane_.front_end_ended();
  if (result < 0)
    return close({srpi::Errc::no_connect, fmt::format("sending to the client: {}", std::strerror(-result))});
  service();
}

}  // namespace srp_nbd
