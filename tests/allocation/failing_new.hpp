// SPDX-License-Identifier: Apache-2.0
// The test programs' operator new, which fails when it is told to. One allocation fails, all others succeed:
// so a run shows what becomes of each place that allocates, one after the other, and in the same way each
// time.
#pragma once

#include <cstdint>

namespace srpi::allocation {

// While it lives, allocations of this thread are counted (or of all others, `others`), and number n throws
// std::bad_alloc. One at a time.
class FailNth {
 public:
  explicit FailNth(std::uint64_t n, bool others = false) noexcept;
  ~FailNth();
  FailNth(const FailNth&) = delete;
  FailNth& operator=(const FailNth&) = delete;
  [[nodiscard]] bool fired() const noexcept;
};

// Where the last failed one was, to standard error.
void say_where() noexcept;

// While it lives, this thread's allocations are not counted: those of the peer, and of the test itself.
class Unfailing {
 public:
  Unfailing() noexcept;
  ~Unfailing();
  Unfailing(const Unfailing&) = delete;
  Unfailing& operator=(const Unfailing&) = delete;
};

// What a scenario throws where something is not as promised: needs no operator new.
struct Broken {
  const char* promise;
};
inline void must(bool holds, const char* promise) {
  if (!holds) throw Broken{promise};
}

// Runs `scenario` with the first, the second, … allocation failing, until one run has fewer. Returns how many
// there were; a broken promise says which one broke it, and where that was, for addr2line.
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
