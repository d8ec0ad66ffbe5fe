// SPDX-License-Identifier: Apache-2.0
// When the session searches for further units: an operator asks for it, or a proof has ended, because the target has
// reported a change, or the session is back after an outage. Any number of these cause one search.
//
//   idle       no search is wanted                      want                            -> due
//   due        one is wanted                            live, no proof runs             -> searching
//   searching  it runs over one channel                 it ends, no proof runs          -> idle
//                                                       it fails, or a unit is not ready
//                                                       yet, no proof runs              -> again
//                                                       want                            -> outdated
//   outdated   like searching, but another is wanted    it ends, no proof runs          -> due
//   searching, outdated                                 its channel is lost             -> due
//   again      a search is to be done again             its delay is over, or want      -> due
//
// A search that is wanted during an outage runs after the next login. Without automatic attempts (reconnect_delay
// off), no search is done again by itself.
#pragma once

#include "session/backoff.hpp"
#include "session/channel_set.hpp"
#include "session/login_context.hpp"
#include "session/search.hpp"

namespace srpi::session {

class Rescan {
 public:
  Rescan(const LoginContext&, ChannelSet&, base::Random&) noexcept;

  void want() noexcept;
  [[nodiscard]] bool is_active() const noexcept { return state_ != State::idle; }
  void on_channel_lost(const Link&) noexcept;
  void end() noexcept;  // all channels are lost

  enum class News : std::uint8_t {
    none,
    begun,  // the search covers what was wanted until now
    ended,  // take its result
  };
  // Permitted while the session is live and no proof runs.
  [[nodiscard]] News poll(base::Time now);
  [[nodiscard]] Search::Found take(base::Time now);
  [[nodiscard]] base::Time next() const noexcept;

 private:
  enum class State : std::uint8_t { idle, due, searching, outdated, again };
  [[nodiscard]] bool runs() const noexcept { return state_ == State::searching || state_ == State::outdated; }
  void stop() noexcept;

  const LoginContext& context_;
  ChannelSet& channels_;
  State state_ = State::idle;
  const Link* link_ = nullptr;  // the channel over which the search runs
  base::Time again_at_ = base::kNever;
  Backoff delay_;
};

}  // namespace srpi::session
