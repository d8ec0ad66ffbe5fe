// SPDX-License-Identifier: Apache-2.0
// A name server that does not answer until the test tells it to: a getaddrinfo() that is linked before the C
// library's. It passes numeric addresses to the C library.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace srpi::verbs::test {

// Only one instance at a time.
class FakeResolver {
 public:
  FakeResolver();
  ~FakeResolver();  // calls give_up(), so that no thread is left for the next test
  FakeResolver(const FakeResolver&) = delete;
  FakeResolver& operator=(const FakeResolver&) = delete;

  // Answers all waiting and later calls with these addresses.
  void answer(std::vector<std::string> addresses);
  void fail(int error);  // EAI_AGAIN
  // Ends waiting calls with an error, and waits until no look-up's thread is left.
  void give_up();

  void await_questions(std::size_t number) const;
  [[nodiscard]] std::vector<std::string> questions() const;  // the names, in the order of the calls

 private:
  std::size_t threads_before_;
};

[[nodiscard]] std::size_t running_threads();

}  // namespace srpi::verbs::test
