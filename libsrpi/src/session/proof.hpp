// SPDX-License-Identifier: Apache-2.0
// The proof: the first login finds the logical units, and later proofs show that they are the same. A proof
// runs after each login, and when the target reports that something about a unit changed. The layer above
// implements it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/clock.hpp"
#include "scsi/disposition.hpp"
#include "session/channel_names.hpp"
#include "srpi/error.hpp"

namespace srpi::session {

// What a proof does over the channel, and with which units.
struct ProofScope {
  enum class Asks : std::uint8_t {
    identity,  // identifies every unit; the first time it finds the units. A unit that refuses is away
    presence,  // the same for a further channel: each unit must answer there, too. It changes no unit's state
    attentions,  // takes the pending unit attentions of this channel. Always succeeds
  };
  Asks asks = Asks::identity;
  // Pauses between repeated questions end before this time.
  base::Time until = base::kNever;
  // The units to leave out. If no other unit answers, `identity` asks them after all.
  LunSet left_out;
};

// The result of a proof of identity for one unit.
struct ProvedUnit {
  enum class Answer : std::uint8_t { proved, refused, left_out };
  std::uint64_t lun = 0;  // the 8 SAM bytes
  Answer answer = Answer::proved;
  Errc code = Errc::ok;                             // of a unit that is away: the error of its I/O
  scsi::RetryClass retry = scsi::RetryClass::none;  // of a unit that is away: how its I/O is retried first
};

class Search;

class Proof {
 public:
  virtual ~Proof() = default;
  // Starts a proof, which submits commands to the channel from completions. One proof runs at a time.
  virtual void start(Channel&, const ProofScope&) = 0;
  // Set at the end of the proof, when none of its commands is outstanding. After a proof of identity, the
  // value has all units of the session in their order, at least one of them proved; otherwise it is empty.
  // Valid until the next start. identity_mismatch ends the session's attempts: no unit is the same one, and none
  // may be the same later.
  using Outcome = Result<std::span<const ProvedUnit>>;
  [[nodiscard]] virtual std::optional<Outcome> outcome() = 0;
  // The next time at which outcome() has work without an answer: a question is due to be asked again.
  [[nodiscard]] virtual base::Time next() const noexcept = 0;
  // Call it before the channel of a running proof is closed, or after the outcome was taken.
  virtual void cancel() noexcept = 0;
  // Unregisters the buffer until the next start. Permitted while no proof runs.
  virtual void let_device_go() noexcept = 0;
  // Finds further units for later proofs.
  [[nodiscard]] virtual Search& search() noexcept = 0;
};

}  // namespace srpi::session
