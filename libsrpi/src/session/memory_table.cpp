// SPDX-License-Identifier: Apache-2.0
#include "session/memory_table.hpp"

#include <algorithm>
#include <new>

namespace srpi::session {

class MemoryTable::Entry final : public Memory {
 public:
  explicit Entry(std::span<std::byte> bytes) noexcept : Memory(bytes) {}
  ~Entry() override {
    if (auto* table = table_of(*this)) std::erase(table->entries_, this);
  }

  void drop() noexcept {
    region_.reset();
    lkey_ = rkey_ = 0;
  }

  Result<> use(fabric::Device& device) {
    drop();
    auto region = device.register_memory(bytes_, fabric::Access::remote);
    if (!region) return region.error();
    region_ = std::move(*region);
    lkey_ = region_->lkey();
    rkey_ = region_->rkey();
    return {};
  }

 private:
  std::unique_ptr<fabric::MemoryRegion> region_;
};

MemoryTable::~MemoryTable() {
  let_device_go();
  for (auto* entry : entries_) table_of(*entry) = nullptr;
}

Result<std::unique_ptr<Memory>> MemoryTable::add(std::span<std::byte> bytes) {
  if (bytes.empty()) return Error{Errc::invalid_argument, "no bytes to register"};
  auto entry = std::make_unique<Entry>(bytes);
  entries_.push_back(entry.get());
  table_of(*entry) = this;
  if (device_)
    if (auto done = entry->use(*device_); !done) return done.error();
  return std::unique_ptr<Memory>(std::move(entry));
}

// Registers all or none: a region on a device that is not in use would never be released.
Result<> MemoryTable::use_device(const std::shared_ptr<fabric::Device>& device) {
  if (device == device_) return {};
  let_device_go();
  try {
    for (auto* entry : entries_) {
      if (auto done = entry->use(*device); !done) {
        let_device_go();
        return done;
      }
    }
  } catch (const std::bad_alloc&) {
    let_device_go();
    throw;
  }
  device_ = device;
  return {};
}

void MemoryTable::let_device_go() noexcept {
  for (auto* entry : entries_) entry->drop();
  device_.reset();
}

}  // namespace srpi::session
