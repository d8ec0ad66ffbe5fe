// SPDX-License-Identifier: Apache-2.0
// A name server that is silent until the test lets it speak: this program's own getaddrinfo(). Numeric
// addresses go on to the C library's.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace srpi::verbs::test {

// One at a time.
class FakeResolver {
 public:
  FakeResolver();
  ~FakeResolver();  // as give_up(), so that no thread is left for the next test
  FakeResolver(const FakeResolver&) = delete;
  FakeResolver& operator=(const FakeResolver&) = delete;

  // Everybody's answer from now on, those that wait for it included.
  void answer(std::vector<std::string> addresses);
  void fail(int error);  // EAI_AGAIN
  // With an error unless there is an answer; waits until no look-up's thread is left.
  void give_up();

  void await_questions(std::size_t number) const;
  [[nodiscard]] std::vector<std::string> questions() const;  // the names, in turn

 private:
  std::size_t threads_before_;
};

[[nodiscard]] std::size_t running_threads();

}  // namespace srpi::verbs::test
