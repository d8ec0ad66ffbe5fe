// SPDX-License-Identifier: Apache-2.0
// The outcome of a command: one byte of status, then sense data.
#include <cstdlib>

#include "scsi/disposition.hpp"
#include "scsi/sense.hpp"

using namespace srpi::scsi;

namespace {

void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto status = static_cast<Status>(data[0]);
  const auto sense = decode_sense({data + 1, size - 1});
  const auto disposition = classify(status, sense ? &*sense : nullptr);
  // Promise 1: a request succeeds only if the target reports success.
  if (disposition.action == Action::complete)
    must(status == Status::good || (status == Status::check_condition && sense && !sense->deferred &&
                                    sense->key == SenseKey::recovered_error));
  if (!sense) {
    must(!sense.error().detail.empty());
    return 0;
  }
  must(!to_string(*sense).empty());
  const auto again = decode_sense(encode(*sense).span());
  must(again && *again == *sense);
  return 0;
}
