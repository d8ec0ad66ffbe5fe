// SPDX-License-Identifier: Apache-2.0
// The proof over live channels. The target has reported that something about a unit changed. Until it is
// known what, nothing may be sent to the units, so the session holds all I/O while the proof is active.
//
// Linux's target has a unit attention for each channel. These are taken first over the other channels, so
// that they do not cause further proofs.
//
//   idle        no proof is needed                             begin                           -> due
//   due         one is needed and starts at its time           it starts                       -> attentions or identity
//   attentions  unit attentions are taken over one channel     that ends                       -> due
//   identity    the units are proved over the last channel     proved, no channel is unasked   -> idle
//                                                              else                            -> due
//   (any)       the channel that it runs over is lost                                          -> due
//   (any)       end: the session is lost                                                       -> idle
//
// A new report of the target during the proof makes all channels unasked again, so the proof is repeated.
#pragma once

#include <span>

#include "session/joins.hpp"

namespace srpi::session {

class LiveProof {
 public:
  LiveProof(const LoginContext&, ChannelSet&, Joins&) noexcept;

  [[nodiscard]] bool is_active() const noexcept { return state_ != State::idle; }
  // Requests a proof. It starts with the next poll, because this may be called while completions are
  // processed. Returns true if no proof was active; then the caller must hold the channels' unsent commands.
  [[nodiscard]] bool begin(base::Time now) noexcept;
  void on_channel_lost(const Link&, base::Time now) noexcept;
  void end() noexcept;

  struct News {
    enum class Kind : std::uint8_t {
      none,    // the proof goes on, or its channel has failed
      proved,  // the proof has ended; `units` are the result
      final,   // another unit answers; the session must not reconnect by itself
    };
    Kind kind = Kind::none;
    std::span<const ProvedUnit> units;
    Error error;
  };
  [[nodiscard]] News poll(base::Time now);
  // True if a step of the proof can start now.
  [[nodiscard]] bool is_due(base::Time now) const noexcept {
    return state_ == State::due && not_before_ <= now;
  }
  [[nodiscard]] base::Time next() const noexcept;

 private:
  enum class State : std::uint8_t { idle, due, attentions, identity };
  [[nodiscard]] bool start(base::Time now);
  void stop() noexcept;
  [[nodiscard]] News on_success(State asked, std::span<const ProvedUnit>) noexcept;
  [[nodiscard]] News on_failure(Link&, Error, base::Time now) noexcept;
  [[nodiscard]] Error overdue() const noexcept;

  const LoginContext& context_;
  ChannelSet& channels_;
  Joins& joins_;
  State state_ = State::idle;
  Link* link_ = nullptr;  // the channel over which the proof runs
  base::Time not_before_{};
  base::Time deadline_ = base::kNever;
};

}  // namespace srpi::session
