// SPDX-License-Identifier: Apache-2.0
// Lists of targets: any bytes yield targets and remarks. The positions of remarks lie within the text. A
// printed target parses to the same target.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cli/sync.hpp"
#include "srpi/target_lists.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace srp_nbd;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto list = parse_target_list(text);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (list.targets.size() > kMaxListedTargets) std::abort();
  for (const auto& target : list.targets) {
    if (target.line < 1 || target.line > lines) std::abort();
    const auto again = parse_target_list(target.target.to_uri() + "\n" + target.target.to_login_string());
    if (again.targets.size() != 1 || again.repeated.size() != 1 || !again.errors.empty()) std::abort();
    if (!srpi::is_same_target(again.targets[0].target.address, target.target.address)) std::abort();
  }
  for (const auto* remarks : {&list.errors, &list.repeated})
    for (const auto& remark : *remarks)
      if (remark.line < 1 || remark.line > lines || remark.column < 1 || remark.column > size + 1 ||
          remark.message.empty())
        std::abort();
  return 0;
}
