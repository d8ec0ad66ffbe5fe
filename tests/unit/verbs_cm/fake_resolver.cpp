// SPDX-License-Identifier: Apache-2.0
#include "fake_resolver.hpp"

#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/check.hpp"

namespace srpi::verbs::test {
namespace {

struct Server {
  std::mutex mutex;
  std::condition_variable changed;
  bool in_use = false;
  std::vector<std::string> questions;
  std::optional<int> answer;  // 0 or an error code of getaddrinfo
  std::vector<std::string> addresses;
};

Server& server() {
  static Server the_server;
  return the_server;
}

void speak(int error, std::vector<std::string> addresses) {
  auto& s = server();
  const std::lock_guard lock(s.mutex);
  s.answer = error;
  s.addresses = std::move(addresses);
  s.changed.notify_all();
}

int real_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(dlsym(RTLD_NEXT, "getaddrinfo"));
  return real(host, service, hints, found);
}

int fake_getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  auto& s = server();
  std::unique_lock lock(s.mutex);
  if (!s.in_use || (hints->ai_flags & AI_NUMERICHOST) != 0) {
    lock.unlock();
    return real_getaddrinfo(host, service, hints, found);
  }
  s.questions.emplace_back(host);
  s.changed.notify_all();
  s.changed.wait(lock, [&] { return s.answer.has_value(); });
  *found = nullptr;
  for (auto** end = found; const auto& address : s.addresses) {
    SRPI_CHECK(real_getaddrinfo(address.c_str(), service, hints, end) == 0);
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return *s.answer;
}

}  // namespace

std::size_t running_threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

FakeResolver::FakeResolver() {
  // A sanitizer starts its own thread with the program's first thread. It does not belong to a look-up.
  std::atomic<pid_t> joined{0};
  std::thread([&] { joined = ::gettid(); }).join();
  // The thread may exist for a moment after the join.
  while (std::filesystem::exists("/proc/self/task/" + std::to_string(joined)))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  threads_before_ = running_threads();
  auto& s = server();
  const std::lock_guard lock(s.mutex);
  SRPI_CHECK(!s.in_use);
  s.in_use = true;
  s.questions.clear();
  s.answer.reset();
  s.addresses.clear();
}

FakeResolver::~FakeResolver() {
  give_up();
  const std::lock_guard lock(server().mutex);
  server().in_use = false;
}

void FakeResolver::answer(std::vector<std::string> addresses) { speak(0, std::move(addresses)); }
void FakeResolver::fail(int error) { speak(error, {}); }

void FakeResolver::give_up() {
  {
    auto& s = server();
    const std::lock_guard lock(s.mutex);
    if (!s.answer) s.answer = EAI_AGAIN;
    s.changed.notify_all();
  }
  for (int i = 0; running_threads() > threads_before_; ++i) {
    SRPI_CHECK(i < 10'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void FakeResolver::await_questions(std::size_t number) const {
  auto& s = server();
  std::unique_lock lock(s.mutex);
  SRPI_CHECK(
      s.changed.wait_for(lock, std::chrono::seconds(10), [&] { return s.questions.size() >= number; }));
}

std::vector<std::string> FakeResolver::questions() const {
  const std::lock_guard lock(server().mutex);
  return server().questions;
}

}  // namespace srpi::verbs::test

extern "C" int getaddrinfo(const char* host, const char* service, const addrinfo* hints, addrinfo** found) {
  return srpi::verbs::test::fake_getaddrinfo(host, service, hints, found);
}
