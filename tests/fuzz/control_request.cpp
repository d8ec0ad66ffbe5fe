// SPDX-License-Identifier: Apache-2.0
// A line at the control socket: any bytes give an order or an error with words, and never more. An order that is
// written out again is the same one.
#include <boost/json/serialize.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/orders.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace srp_nbd;
  const auto written = [](const Order& order) { return boost::json::serialize(order_json(order)); };
  const auto order = parse_order({reinterpret_cast<const char*>(data), size});
  if (!order && (order.error().code.empty() || order.error().message.empty())) std::abort();
  if (!order) return 0;
  const auto again = parse_order(written(*order));
  if (!again || written(*again) != written(*order)) std::abort();
  return 0;
}
