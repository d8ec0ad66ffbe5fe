// SPDX-License-Identifier: Apache-2.0
// The proof over live channels: a target has said that something about a unit has changed, and until it is known what,
// nothing may be sent to the units. The session holds all I/O while this is active.
//
// Where each channel is a session to the target, as to Linux', each has a unit attention of its own. Those are taken
// first over the other channels, so that not each of them asks for another proof.
//
//   idle        no proof is needed                             begin                           -> due
//   due         one is, and starts when its time has come      it starts                       -> attentions or identity
//   attentions  unit attentions are taken over one channel     that ends                       -> due
//   identity    the units are proved over the last channel     proved, no channel is unasked   -> idle
//                                                              else                            -> due
//   (any)       the channel that it runs over is lost                                          -> due
//   (any)       end: the session is lost                                                       -> idle
//
// A word of the target that comes meanwhile makes all channels unasked again. So the proof is done again after it.
#pragma once

#include <span>

#include "session/joins.hpp"

namespace srpi::session {

class LiveProof {
 public:
  LiveProof(const LoginContext&, ChannelSet&, Joins&) noexcept;

  [[nodiscard]] bool is_active() const noexcept { return state_ != State::idle; }
  // Something about a unit may be different. It starts with the next poll, since this may be called while completions are
  // being taken. True: no proof was active before; what the channels have not sent yet has to be held.
  [[nodiscard]] bool begin(base::Time now) noexcept;
  void on_channel_lost(const Link&, base::Time now) noexcept;
  void end() noexcept;

  struct News {
    enum class Kind : std::uint8_t {
      none,    // it goes on, or a channel has failed over it
      proved,  // over: the units are given
      final,   // another unit answers: the session must not come back by itself
    };
    Kind kind = Kind::none;
    std::span<const ProvedUnit> units;
    Error error;
  };
  [[nodiscard]] News poll(base::Time now);
  // There is something to start now.
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
  Link* link_ = nullptr;  // over which it runs
  base::Time not_before_{};
  base::Time deadline_ = base::kNever;
};

}  // namespace srpi::session
