// SPDX-License-Identifier: Apache-2.0
// An operator new for test programs that fails on request. In each run exactly one allocation fails. So the
// runs test every place that allocates, one after the other, reproducibly.
#pragma once

#include <cstdint>

namespace srpi::allocation {

// While the object lives, the allocations of this thread are counted (with `others`, those of all other
// threads), and number n throws std::bad_alloc. Only one object at a time.
class FailNth {
 public:
  explicit FailNth(std::uint64_t n, bool others = false) noexcept;
  ~FailNth();
  FailNth(const FailNth&) = delete;
  FailNth& operator=(const FailNth&) = delete;
  [[nodiscard]] bool fired() const noexcept;
};

// Prints the stack of the last failure to standard error.
void say_where() noexcept;

// While the object lives, this thread's allocations are not counted. For the peer and the test itself.
class Unfailing {
 public:
  Unfailing() noexcept;
  ~Unfailing();
  Unfailing(const Unfailing&) = delete;
  Unfailing& operator=(const Unfailing&) = delete;
};

// A scenario throws this if a promise is broken. It needs no operator new.
struct Broken {
  const char* promise;
};
inline void must(bool holds, const char* promise) {
  if (!holds) throw Broken{promise};
}

// Runs `scenario` with the first, the second, … allocation failing, until a run has fewer allocations.
// Returns their number. A broken promise is reported with the number of the allocation and its stack, for
// addr2line.
template<class Scenario>
std::uint64_t fail_each(Scenario scenario, bool others = false);

}  // namespace srpi::allocation

#include <catch2/catch.hpp>

template<class Scenario>
std::uint64_t srpi::allocation::fail_each(Scenario scenario, bool others) {
  for (std::uint64_t n = 1;; ++n) {
    const char* broken = nullptr;
    bool fired = false;
    try {
      scenario([&](auto work) {
        const FailNth fail(n, others);
        struct Note {
          const FailNth& fail;
          bool& fired;
          ~Note() { fired = fail.fired(); }
        } const note{fail, fired};
        work();
      });
    } catch (const Broken& b) {
      broken = b.promise;
    }
    if (broken) say_where();
    if (broken) FAIL("with allocation " << n << " failing, broken: " << broken);
    if (!fired) return n - 1;
  }
}
