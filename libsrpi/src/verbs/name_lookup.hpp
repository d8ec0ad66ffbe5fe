// SPDX-License-Identifier: Apache-2.0
// Looks up host names in a thread. A look-up may take long with a silent name server, and the session's
// thread must not block.
//
// Ownership: the thread of a look-up and the waiting NameLookups share a job, which lives as long as any of
// them. A NameLookup may be destroyed at any time; no other thread waits for the look-up's thread.
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

// Waits for the answer of a look-up. Belongs to one thread.
class NameLookup {
 public:
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  [[nodiscard]] int fd() const noexcept { return wake_.get(); }  // readable when the answer is there
  [[nodiscard]] const std::string& names() const noexcept;       // "storage1"
  // The result of routes_to(), or nullopt if it is not there yet. After the result, fd() is not readable any
  // more.
  [[nodiscard]] std::optional<Result<std::vector<Route>>> take();

 private:
  friend class NameLookups;
  explicit NameLookup(FileDescriptor wake) noexcept : wake_(std::move(wake)) {}
  [[nodiscard]] bool join(const std::shared_ptr<LookupJob>&);

  const FileDescriptor wake_;
  std::shared_ptr<LookupJob> job_;  // not null after start()
};

// The look-ups of one fabric. An attempt joins a running look-up of the same names. So a slow name server can
// answer a later attempt, and a silent one occupies one thread, not one for each attempt.
class NameLookups {
 public:
  // May be called by any thread. The address must contain a name. Errors: no_memory (also if no thread or
  // descriptor can be created).
  [[nodiscard]] Result<std::unique_ptr<NameLookup>> start(const RdmaCmAddress&);

 private:
  std::mutex mutex_;
  std::weak_ptr<LookupJob> latest_;
};

}  // namespace srpi::verbs
