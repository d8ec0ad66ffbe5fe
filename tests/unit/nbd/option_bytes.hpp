// SPDX-License-Identifier: Apache-2.0
// A client's bytes in the negotiation, and the types of the replies.
#pragma once

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "nbd/negotiation.hpp"

using namespace srp_nbd;

using Bytes = std::vector<std::byte>;

struct OptionReplyHeader {
  nbd::be64 magic;
  nbd::be32 option, type, length;
};

template<class T>
void put(Bytes& to, const T& v) {
  const auto* p = reinterpret_cast<const std::byte*>(&v);
  to.insert(to.end(), p, p + sizeof v);
}
inline void option(Bytes& to, std::uint32_t number, const Bytes& data = {}) {
  put(to, nbd::OptionHeader{nbd::kOptionMagic, number, static_cast<std::uint32_t>(data.size())});
  to.insert(to.end(), data.begin(), data.end());
}
inline Bytes go_data(const std::string& name) {
  Bytes d;
  put(d, nbd::be32(static_cast<std::uint32_t>(name.size())));
  for (const char c : name) d.push_back(static_cast<std::byte>(c));
  put(d, nbd::be16(std::uint16_t{0}));
  return d;
}
inline std::vector<ExportInfo> exports() {
  ExportInfo e;
  e.name = "lun0";
  e.size_bytes = 1 << 20;
  ExportInfo e1 = e;
  e1.name = "lun1";
  e1.lun = 1;
  return {e, e1};
}
inline Bytes flags() {
  Bytes b;
  put(b, nbd::be32(std::uint32_t{3}));
  return b;
}
// Types of the option replies after the greeting.
inline std::vector<std::uint32_t> replies(Bytes out) {
  std::vector<std::uint32_t> types;
  std::size_t at = 18;  // after the greeting
  while (at + sizeof(OptionReplyHeader) <= out.size()) {
    OptionReplyHeader h;
    std::memcpy(&h, out.data() + at, sizeof h);
    REQUIRE(std::uint64_t{h.magic} == nbd::kReplyMagic);
    types.push_back(h.type);
    at += sizeof h + h.length;
  }
  CHECK(at == out.size());
  return types;
}
