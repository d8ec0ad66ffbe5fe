// SPDX-License-Identifier: Apache-2.0
// The events of a run: a hash over all, the last ones to print after a failure, and all of them with --trace.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "base/clock.hpp"

namespace srpi::sim {

class Journal {
 public:
  explicit Journal(const base::Clock& clock, bool trace) noexcept : clock_(clock), trace_(trace) {}

  // `what` is a literal. The numbers must depend on the seed alone: no addresses, no keys.
  void note(const char* what, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) noexcept {
    Entry entry{clock_.now(), what, a, b, c};
    for (const char ch : std::string_view(what)) mix(static_cast<unsigned char>(ch));
    for (const auto number : {static_cast<std::uint64_t>(entry.at.time_since_epoch().count()), a, b, c})
      mix(number);
    entries_[count_++ % entries_.size()] = entry;
    if (trace_) print(stderr, entry);
  }
  // The library's log, for the trace only.
  void say(std::string_view text) const {
    if (trace_)
      std::fprintf(stderr, "%14.6f ms      %.*s\n", ms(clock_.now()), static_cast<int>(text.size()),
                   text.data());
  }

  [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }
  [[nodiscard]] std::uint64_t events() const noexcept { return count_; }
  void print_last(std::FILE* to) const {
    const auto n = count_ < entries_.size() ? count_ : entries_.size();
    for (auto i = count_ - n; i < count_; ++i) print(to, entries_[i % entries_.size()]);
  }

 private:
  struct Entry {
    base::Time at{};
    const char* what = "";
    std::uint64_t a = 0, b = 0, c = 0;
  };
  [[nodiscard]] static double ms(base::Time t) noexcept {
    return static_cast<double>(t.time_since_epoch().count()) / 1e6;
  }
  static void print(std::FILE* to, const Entry& e) {
    std::fprintf(to, "%14.6f ms  %s %llu %llu %llu\n", ms(e.at), e.what, static_cast<unsigned long long>(e.a),
                 static_cast<unsigned long long>(e.b), static_cast<unsigned long long>(e.c));
  }
  void mix(std::uint64_t value) noexcept {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15u;
    hash_ ^= hash_ >> 29;
  }

  const base::Clock& clock_;
  bool trace_;
  std::uint64_t hash_ = 0x735f6d6973u;
  std::uint64_t count_ = 0;
  std::array<Entry, 48> entries_;
};

}  // namespace srpi::sim
