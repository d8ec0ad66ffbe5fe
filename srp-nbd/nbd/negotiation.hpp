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
#include "nbd/wire.hpp"

namespace srp_nbd {

class Negotiation {
 public:
  using Exports = std::function<std::vector<ExportInfo>()>;  // asked anew at each option that concerns them

  enum class Outcome : std::uint8_t {
    going_on,      // send the output, feed more
    transmission,  // send the output, then serve chosen(); bytes not consumed are the first of that phase
    ended,         // the client is done; send the output and close
    refused,  // the client broke the protocol, or asked in vain by EXPORT_NAME: close; problem() says why
  };

  // Limits on what a client may cost. An option's data beyond the first limit are read over, and the option is refused;
  // beyond the second one the client is sent away.
  static constexpr std::size_t kMaxOptionBytes = 8192;
  static constexpr std::size_t kMaxSkippedBytes = 1u << 20;
  static constexpr std::size_t kMaxNameBytes = 4096;
  static constexpr std::uint32_t kMaxOptions = 256;
  static constexpr std::size_t kMaxOutputBytes = 1u << 20;  // not taken: the client asks and does not read

  explicit Negotiation(Exports exports);

  // Returns how many bytes were consumed; fewer than given only when the outcome is not going_on any more.
  std::size_t feed(std::span<const std::byte> bytes);

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  // What is to be sent (the greeting at first); taken by the call.
  [[nodiscard]] std::vector<std::byte> take_output() { return std::exchange(output_, {}); }
  [[nodiscard]] const std::optional<ExportInfo>& chosen() const noexcept { return chosen_; }
  [[nodiscard]] const std::string& problem() const noexcept { return problem_; }

 private:
  enum class Step : std::uint8_t { client_flags, option_header, option_data, skipped_data };

  void expect(Step, std::size_t bytes);
  void perform_step();
  void on_client_flags();
  void on_option_header();
  void on_option();
  void on_list();
  void on_info();
  void on_export_name();
  [[nodiscard]] bool choose(std::string_view name);
  void refuse(std::string why);
  template<class... Parts>
  void reply(nbd::OptionReply, const Parts&...);

  Exports exports_;
  Outcome outcome_ = Outcome::going_on;
  Step step_ = Step::client_flags;
  std::size_t missing_ = sizeof(nbd::be32);  // bytes of this step that have not come
  std::vector<std::byte> input_;             // those that have
  std::vector<std::byte> output_;
  std::uint32_t option_ = 0;
  std::uint32_t options_seen_ = 0;
  bool no_zeroes_ = false;
  std::optional<ExportInfo> chosen_;
  std::string problem_;
};

}  // namespace srp_nbd
