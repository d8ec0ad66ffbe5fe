// SPDX-License-Identifier: Apache-2.0
// A coroutine that sends commands one after another. It starts when it is awaited or by start(), has one
// awaiter, and is destroyed with its owner. Control path only. Its result is a Result<T>. Nothing throws
// across it: std::bad_alloc within it becomes no_memory.
#pragma once

#include <coroutine>
#include <new>
#include <optional>
#include <utility>

#include "srpi/error.hpp"

namespace srpi::lun {

template<class T>
class Sequence {
 public:
  struct promise_type {
    std::optional<T> value;
    std::coroutine_handle<> awaiter = std::noop_coroutine();

    Sequence get_return_object() {
      return Sequence(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct Back {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) noexcept {
          return h.promise().awaiter;
        }
        void await_resume() noexcept {}
      };
      return Back{};
    }
    void return_value(T v) { value.emplace(std::move(v)); }
    // T is a Result, so no_memory is an ordinary outcome.
    void unhandled_exception() noexcept {
      try {
        throw;
      } catch (const std::bad_alloc&) {
        value.emplace(Error{Errc::no_memory, {}});
      }
    }
  };

  Sequence() = default;
  Sequence(Sequence&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Sequence& operator=(Sequence&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Sequence() {
    if (handle_) handle_.destroy();
  }

  // For the outermost coroutine: runs until it waits for the first time.
  void start() { handle_.resume(); }
  [[nodiscard]] const std::optional<T>& value() const { return handle_.promise().value; }
  explicit operator bool() const { return static_cast<bool>(handle_); }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiter) noexcept {
    handle_.promise().awaiter = awaiter;
    return handle_;
  }
  T await_resume() { return std::move(*handle_.promise().value); }

 private:
  explicit Sequence(std::coroutine_handle<promise_type> h) : handle_(h) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace srpi::lun
