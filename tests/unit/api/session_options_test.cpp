// SPDX-License-Identifier: Apache-2.0
// What a session refuses to be told, and in which words.
#include <catch2/catch.hpp>

#include "srpi/session.hpp"

using namespace srpi;
using namespace std::chrono_literals;

namespace {

std::string refusal(const SessionOptions& options) {
  const auto valid = options.validate();
  if (valid) return "";
  CHECK(valid.error().code == Errc::invalid_argument);
  return valid.error().detail;
}

bool names(const std::string& text, std::initializer_list<const char*> words) {
  for (const auto* word : words)
    if (text.find(word) == std::string::npos) return false;
  return true;
}

}  // namespace

TEST_CASE(
    "with the defaults, a silent peer under I/O is noticed within two seconds, also with slow adapters") {
  const SessionOptions options;
  CHECK(options.validate().has_value());
  CHECK(SessionOptions::kAnswersAwaited + options.silent_peer_noticed_within() <= 2000ms);
  // 4.096 us * 2^14 * 7 tries, times four.
  CHECK(options.silent_peer_noticed_within() == 1880ms);
}

TEST_CASE("the error of an option out of range has its name and value") {
  SessionOptions o;
  o.retry_count = 7;
  CHECK(names(refusal(o), {"retry_count", "7", "0 to 6"}));
  o = {};
  o.task_management_timeout = 1ms;
  CHECK(names(refusal(o), {"task_management_timeout", "1 ms"}));
  o = {};
  o.queue_depth = 0;
  CHECK(names(refusal(o), {"queue_depth", "0"}));
}

TEST_CASE("the size of a request has the same limits in a login string and in the options") {
  for (const std::uint32_t bytes : {0u, 64u, 83u, 84u, 8260u, 65536u, 65537u, ~0u}) {
    INFO(bytes);
    SessionOptions o;
    o.max_it_iu_bytes = bytes;
    const auto target = parse_target("id_ext=1,ioc_guid=2,dest=h:1,max_it_iu_size=" + std::to_string(bytes));
    CHECK(target.has_value() == o.validate().has_value());
    if (!o.validate()) CHECK(names(refusal(o), {"max_it_iu_bytes", "84 to 65536"}));
  }
}

TEST_CASE("the errors of rules between timers name both") {
  SessionOptions o;
  o.fast_io_fail = 5000ms;
  o.dev_loss = 4000ms;
  CHECK(names(refusal(o), {"dev_loss (4000 ms)", "fast_io_fail (5000 ms)"}));
  o = {};
  o.ack_timeout_exponent = 19;
  CHECK(names(refusal(o), {"ack_timeout_exponent 19", "retry_count 6", "command_timeout (10000 ms)"}));
  o.retry_count = 2;
  CHECK(refusal(o).empty());
  o = {};
  o.fence = false;
  o.fence_first_login = true;
  CHECK(names(refusal(o), {"fence_first_login", "fence"}));
}

TEST_CASE("tl_retry_count=7 of a login string becomes the highest finite value") {
  const auto target = parse_target("ram://1M?tl_retry_count=7").value();
  const auto options = target.overrides.applied_to({});
  CHECK(options.retry_count == 6);
  CHECK(Session::create(target.address, options).has_value());
}

TEST_CASE("a login string's options win over the session's") {
  SessionOverrides overrides;
  SessionOptions o;
  o.retry_count = 1;
  o.initiator_ext = 1;
  CHECK(overrides.applied_to(o).retry_count == 1);
  CHECK(overrides.applied_to(o).channels == 1);
  CHECK(overrides.applied_to(o).initiator_ext == 1);
  overrides.initiator_ext = 2;
  overrides.tl_retry_count = 7;
  overrides.ch_count = 40;
  overrides.queue_size = 32;
  overrides.max_it_iu_size = 512;
  overrides.cmd_sg_entries = 4;
  const auto options = overrides.applied_to(o);
  CHECK(options.initiator_ext == 2);
  CHECK(options.retry_count == 6);
  CHECK(options.channels == 16);
  CHECK(options.queue_depth == 32);
  CHECK(options.max_it_iu_bytes == 512);
  CHECK(options.descriptors == 4);
}

TEST_CASE("channels times queue_depth has the same limit as queue_depth") {
  SessionOptions o;
  o.channels = 17;
  CHECK(names(refusal(o), {"channels", "17", "1 to 16"}));
  o.channels = 0;
  CHECK(names(refusal(o), {"channels", "0", "1 to 16"}));
  o.channels = 16;
  o.queue_depth = 256;
  CHECK(o.validate().has_value());
  o.queue_depth = 257;
  CHECK(names(refusal(o), {"channels", "16", "queue_depth", "257", "4112", "4096"}));
}

TEST_CASE("the longest request has time for three commands, their aborts and resets, and all retries") {
  SessionOptions o;
  o.command_timeout = 1500ms;
  o.task_management_timeout = 30s;
  o.fast_io_fail = 60s;
  o.connect_timeout = 5s;
  CHECK(o.longest_request() >= 3 * (1500ms + 60s + 2 * 30s) + 5s + 60s);
  CHECK(o.longest_request() <= 3 * (1500ms + 60s + 2 * 30s) + 5s + 80s);
}

TEST_CASE("a LUN that is named twice is refused by its number") {
  SessionOptions o;
  o.luns = {0, 1, std::uint64_t{0xc101} << 48, 0};
  CHECK(names(refusal(o), {"luns", "0 twice"}));
  o.luns = {1, std::uint64_t{0xc101} << 48, 2, std::uint64_t{0xc101} << 48};
  CHECK(names(refusal(o), {"luns", std::to_string(std::uint64_t{0xc101} << 48).c_str(), "twice"}));
  const auto made = Session::create(parse_target("ram://1M").value().address, o);
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().code == Errc::invalid_argument);
  o.luns = {2, 1, 0};
  CHECK(refusal(o).empty());
}
