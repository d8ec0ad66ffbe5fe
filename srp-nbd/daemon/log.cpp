// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "srpi/printable.hpp"

namespace srp_nbd {
namespace {

// The text of a line.
class Text final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& to) override {
    const auto text = srpi::printable({line.payload.data(), line.payload.size()});
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<Text>();
  }
};

// In the pattern, %* is the text.
void log_to(std::shared_ptr<spdlog::logger> logger, const std::string& pattern, const std::string& level) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<Text>('*').set_pattern(pattern);
  spdlog::set_default_logger(std::move(logger));
  spdlog::set_formatter(std::move(formatter));
  set_log_level(level);
}

}  // namespace

void set_log_level(const std::string& level) {
  spdlog::set_level(spdlog::level::from_str(level == "error" ? "err" : level));
}

void log_to_stderr(const std::string& level) {
  log_to(spdlog::stderr_color_mt("srp-nbd"), "%H:%M:%S.%e %^%l%$ %*", level);
}

void log_to_syslog(const std::string& level) {
  // The last argument makes the sink use the pattern; otherwise it would write the text as it is.
  log_to(spdlog::syslog_logger_mt("srp-nbd", "srp-nbd", LOG_PID, LOG_DAEMON, true), "%*", level);
}

}  // namespace srp_nbd
