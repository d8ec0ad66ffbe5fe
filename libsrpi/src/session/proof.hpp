// SPDX-License-Identifier: Apache-2.0
// The proof: what a session asks of the layer above after a login, and when a target has said that something about a
// unit has changed. It finds the logical units the first time, and shows later that they are the same ones.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "scsi/disposition.hpp"
#include "session/channel_names.hpp"
#include "srpi/error.hpp"

namespace srpi::session {

// What is asked over the channel, and of which units.
struct ProofScope {
  enum class Asks : std::uint8_t {
    identity,  // who every unit is. The first time finds the units. A unit that refuses to answer is away.
    presence,  // the same for a further channel: each unit has to answer there as well, and nothing is decided
    attentions,  // nothing: it takes the unit attentions that wait on this channel. It succeeds, whatever they say
  };
  Asks asks = Asks::identity;
  // Not asked. Where `identity` has an answer from no other unit, it asks them after all.
  LunSet left_out;
};

// What a proof of identity has found about one unit.
struct ProvedUnit {
  enum class Answer : std::uint8_t { proved, refused, left_out };
  std::uint64_t lun = 0;  // the 8 SAM bytes
  Answer answer = Answer::proved;
  Errc code = Errc::ok;                             // of one that is away: what its I/O fails with
  scsi::RetryClass retry = scsi::RetryClass::none;  // and how long its I/O may wait for it first
};

class Proof {
 public:
  virtual ~Proof() = default;
  // Submits commands to the channel from here on, from their completions. One proof runs at a time.
  virtual void start(Channel&, const ProofScope&) = 0;
  // Set once no command of the proof is outstanding any more. The units: all of the session, in their order, after a
  // proof of identity, else none; valid until the next start. At least one of them is proved. identity_mismatch ends
  // the session's attempts.
  using Outcome = Result<std::span<const ProvedUnit>>;
  [[nodiscard]] virtual std::optional<Outcome> outcome() = 0;
  // Called before the channel is closed under a proof that has not ended, or after its outcome was taken.
  virtual void cancel() noexcept = 0;
  // While none runs: unregisters its buffer, which the next start registers anew.
  virtual void let_device_go() noexcept = 0;
};

}  // namespace srpi::session
