// SPDX-License-Identifier: Apache-2.0
// Names of the channel layer that the session uses often.
#pragma once

#include "base/lun_set.hpp"
#include "channel/channel.hpp"

namespace srpi::session {

using base::LunSet;
using channel::asks_for_proof;
using channel::Channel;
using channel::ChannelLimits;
using channel::ChannelTerms;
using channel::Command;
using channel::CommandList;
using channel::Credits;
using channel::DataSegment;
using channel::Direction;
using channel::kMostAside;
using channel::Tmf;
using channel::TmfList;
using channel::UnitEventSink;
using channel::UnitResets;

}  // namespace srpi::session
