// SPDX-License-Identifier: Apache-2.0
// The server's side of fixed newstyle negotiation, as a machine without a socket: bytes in, bytes out.
//
//   greeting -> the client's flags -> options -> one of: transmission (GO, EXPORT_NAME), the end (ABORT, an error)
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nbd/export_info.hpp"

namespace srp_nbd {

class Negotiation {
 public:
  using Exports = std::function<std::vector<ExportInfo>()>;  // asked anew at each option that concerns them

  enum class Outcome : std::uint8_t {
    going_on,      // send output(), feed more
    transmission,  // send output(), then serve chosen(); bytes not consumed are the first of that phase
    ended,         // the client is done; send output() and close
    refused,       // it broke the protocol, or asked in vain by EXPORT_NAME: close; problem() says why
  };

  static constexpr std::size_t kMaxOptionBytes =
      8192;  // of an option's data; a longer one is read over and refused
  static constexpr std::size_t kMaxNameBytes = 4096;
  static constexpr std::uint32_t kMaxOptions = 256;  // then the client is sent away
  static constexpr std::uint32_t kMaxSkippedBytes = 1u
                                                    << 20;  // of an option too long to be read over: refused

  explicit Negotiation(Exports exports);

  // Returns how many bytes were consumed; fewer than given only when the outcome is not going_on any more.
  std::size_t feed(std::span<const std::byte> bytes);

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  // What is to be sent (the greeting at first); taken by the call.
  [[nodiscard]] std::vector<std::byte> take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] const std::optional<ExportInfo>& chosen() const noexcept { return chosen_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  enum class Step : std::uint8_t { client_flags, option_header, option_data, skip };

  void on_client_flags(std::uint32_t);
  void on_option_header();
  void on_option();
  void on_list();
  void on_info_or_go(bool go);
  void on_export_name();
  void refuse(std::string why);
  void reply(std::uint32_t type, std::span<const std::byte> data = {});
  void reply_error(std::uint32_t type, std::string_view why);
  template<class T>
  void append(const T&);
  [[nodiscard]] std::optional<ExportInfo> find(std::string_view name) const;
  void expect(Step, std::size_t bytes);

  Exports exports_;
  Outcome outcome_ = Outcome::going_on;
  Step step_ = Step::client_flags;
  std::size_t expected_ = 4;      // bytes of this step
  std::vector<std::byte> input_;  // what has come of them
  std::vector<std::byte> output_;
  std::uint32_t option_ = 0;
  std::uint32_t options_seen_ = 0;
  std::size_t skip_left_ = 0;
  bool no_zeroes_ = false;
  std::optional<ExportInfo> chosen_;
  std::string problem_;
};

}  // namespace srp_nbd
