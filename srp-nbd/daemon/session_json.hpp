// SPDX-License-Identifier: Apache-2.0
// What list and show print. The format is stable: keys are only added (docs/srp-nbd.md).
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "srpi/session.hpp"
#include "srpi/session_options.hpp"
#include "support/failure.hpp"

namespace srp_nbd {

// A logical unit and where it can be opened.
struct PublishedUnit {
  srpi::LogicalUnitInfo info;
  std::string device;  // "/dev/nbd0", or
  std::string uri;     // "nbd+unix:///lun0?socket=PATH"; both empty: not published
};

// Everything about a session at one moment.
struct SessionView {
  std::string name;
  srpi::Target target;
  srpi::SessionStatus status;
  srpi::SessionOptions options;
  bool is_stale = false;  // the session's thread did not answer in time; status is the last one known
  std::optional<Failure> publish_failure;
  std::vector<PublishedUnit> units;
};

[[nodiscard]] boost::json::object to_json(const SessionView&);
[[nodiscard]] boost::json::object to_json(const PublishedUnit&);
[[nodiscard]] boost::json::object to_json(const Failure&);          // the whole answer, {"ok":false,…}
[[nodiscard]] boost::json::value text_or_null(const std::string&);  // null for an empty one

}  // namespace srp_nbd
