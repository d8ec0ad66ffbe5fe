// SPDX-License-Identifier: Apache-2.0
// The server's side of fixed newstyle negotiation, without a socket: bytes in, bytes out.
//
//   greeting -> the client's flags -> options -> transmission (GO, EXPORT_NAME) or the end (ABORT, error)
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
  using Exports = std::function<std::vector<ExportInfo>()>;  // called for each option that needs it

  enum class Outcome : std::uint8_t {
    going_on,      // send the output, feed more
    transmission,  // send the output, then serve chosen(); bytes not consumed are the first of that phase
    ended,         // the client has ended it: send the output and close
    refused,       // the client violated the protocol, or EXPORT_NAME failed: close; problem() says why
  };

  // Limits for one client. An option with more data than the first limit is skipped and refused. With more
  // data than the second limit, the client is disconnected.
  static constexpr std::size_t kMaxOptionBytes = 8192;
  static constexpr std::size_t kMaxSkippedBytes = 1u << 20;
  static constexpr std::size_t kMaxNameBytes = 4096;
  static constexpr std::uint32_t kMaxOptions = 256;
  static constexpr std::size_t kMaxOutputBytes = 1u << 20;  // of output that the client does not read

  explicit Negotiation(Exports exports);

  // Returns the number of consumed bytes. They are fewer than given only if the outcome is not going_on any
  // more.
  std::size_t feed(std::span<const std::byte> bytes);

  [[nodiscard]] Outcome outcome() const noexcept { return outcome_; }
  // Takes the bytes to send; the first ones are the greeting.
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
  std::size_t missing_ = sizeof(nbd::be32);  // bytes that this step still needs
  std::vector<std::byte> input_;             // bytes of this step that have arrived
  std::vector<std::byte> output_;
  std::uint32_t option_ = 0;
  std::uint32_t options_seen_ = 0;
  bool no_zeroes_ = false;
  std::optional<ExportInfo> chosen_;
  std::string problem_;
};

}  // namespace srp_nbd
