// SPDX-License-Identifier: Apache-2.0
// Host names, looked up behind the session's back: with a silent name server that takes longer than a session
// may stand still.
//
// Who owns what: the thread of a look-up and those who wait for it share its job, which lives until the last
// of them has gone. Who does not want to wait any longer just goes; nobody waits for the thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "verbs/address.hpp"
#include "verbs/handles.hpp"

namespace srpi::verbs {

struct LookupJob;

// One who waits for the answer. Belongs to one thread.
class NameLookup {
 public:
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  [[nodiscard]] int fd() const noexcept { return wake_.get(); }  // readable when there is an answer to take
  [[nodiscard]] const std::string& names() const noexcept;       // "storage1"
  // As routes_to() answers. Nullopt: not yet. The descriptor is quiet from then on.
  [[nodiscard]] std::optional<Result<std::vector<Route>>> take();

 private:
  friend class NameLookups;
  explicit NameLookup(FileDescriptor wake) noexcept : wake_(std::move(wake)) {}
  [[nodiscard]] bool join(const std::shared_ptr<LookupJob>&);

  const FileDescriptor wake_;
  std::shared_ptr<LookupJob> job_;  // null only before start() has returned
};

// The look-ups of one fabric. One that is still running when the next attempt wants the same is joined: so a
// name server that is slower than an attempt has patience gets its word in, and one that never answers
// costs one thread, not one more with each attempt.
class NameLookups {
 public:
  // Any thread. For an address with a name in it. Errors: no_memory (also: out of threads or descriptors).
  [[nodiscard]] Result<std::unique_ptr<NameLookup>> start(const RdmaCmAddress&);

 private:
  std::mutex mutex_;
  std::weak_ptr<LookupJob> latest_;
};

}  // namespace srpi::verbs
