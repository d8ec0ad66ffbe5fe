// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "srpi/target_address.hpp"

namespace srpi {

SessionOptions SessionOverrides::applied_to(SessionOptions options) const {
  if (initiator_ext) options.initiator_ext = initiator_ext;
  if (ch_count) options.channels = std::min(*ch_count, 16u);
  if (queue_size) options.queue_depth = *queue_size;
  if (max_it_iu_size) options.max_it_iu_bytes = *max_it_iu_size;
  if (cmd_sg_entries) options.descriptors = *cmd_sg_entries;
  // Login strings often have 7, which means "for ever" to some devices: take the most that ends.
  if (tl_retry_count) options.retry_count = static_cast<std::uint8_t>(std::min(*tl_retry_count, 6u));
  return options;
}

}  // namespace srpi
