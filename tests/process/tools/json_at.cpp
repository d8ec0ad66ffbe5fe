// SPDX-License-Identifier: Apache-2.0
// json_at POINTER: prints what a JSON pointer ("/luns/0/wwid") finds in the JSON on standard input, as JSON; exit code
// 1 where there is nothing, 2 where the input is no JSON.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <iostream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  boost::system::error_code error;
  const auto value = boost::json::parse(text, error);
  if (error) return 2;
  const auto* found = value.find_pointer(argv[1], error);
  if (!found) return 1;
  std::cout << boost::json::serialize(*found) << "\n";
}
