// SPDX-License-Identifier: Apache-2.0
#include "failing_new.hpp"

#include <execinfo.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace srpi::allocation {
namespace {

enum class Counts : int { nobody, owner, others };
std::atomic<Counts> counts{Counts::nobody};
std::atomic<std::int64_t> left{0};  // allocations until the failure; negative after it
thread_local bool is_owner = false;
thread_local int unfailing = 0;

// The stack of the last failure.
void* frames[40];
std::atomic<int> frame_count{0};

bool fails_now() noexcept {
  const auto who = counts.load(std::memory_order_acquire);
  if (who == Counts::nobody || unfailing > 0 || (who == Counts::owner) != is_owner) return false;
  if (left.fetch_sub(1, std::memory_order_relaxed) != 1) return false;
  frame_count = ::backtrace(frames, 40);
  return true;
}

void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (fails_now()) {
    if (const auto handler = std::get_new_handler()) handler();
    return nullptr;
  }
  if (bytes == 0) bytes = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  if (void* p = allocate(bytes, alignment)) return p;
  throw std::bad_alloc();
}

}  // namespace

FailNth::FailNth(std::uint64_t n, bool others) noexcept {
  is_owner = true;
  left = static_cast<std::int64_t>(n);
  counts.store(others ? Counts::others : Counts::owner, std::memory_order_release);
}
FailNth::~FailNth() {
  counts.store(Counts::nobody, std::memory_order_release);
  is_owner = false;
}
bool FailNth::fired() const noexcept { return left <= 0; }

void say_where() noexcept { ::backtrace_symbols_fd(frames, frame_count, 2); }

Unfailing::Unfailing() noexcept { ++unfailing; }
Unfailing::~Unfailing() { --unfailing; }

}  // namespace srpi::allocation

namespace {
using srpi::allocation::allocate;
using srpi::allocation::allocate_or_throw;
constexpr std::size_t kPlain = alignof(std::max_align_t);
std::size_t of(std::align_val_t a) { return static_cast<std::size_t>(a); }
}  // namespace

void* operator new(std::size_t n) { return allocate_or_throw(n, kPlain); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, kPlain); }
void* operator new(std::size_t n, std::align_val_t a) { return allocate_or_throw(n, of(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return allocate_or_throw(n, of(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, kPlain); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, kPlain); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, of(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, of(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { std::free(p); }
