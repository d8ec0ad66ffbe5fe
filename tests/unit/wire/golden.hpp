// SPDX-License-Identifier: Apache-2.0
// One unit of each kind. The bytes are written by hand from the standard's tables.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace golden {

using Bytes = std::vector<std::byte>;

inline Bytes hex(std::string_view text) {
  const auto value = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Bytes bytes;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\n') {
      ++i;
    } else {
      bytes.push_back(static_cast<std::byte>(value(text[i]) << 4 | value(text[i + 1])));
      i += 2;
    }
  }
  return bytes;
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Direct and indirect descriptors, single channel, solicited logout and events, immediate data at offset 68,
// units of 8260 bytes.
inline const Bytes kLoginRequest = hex(R"(
  00 000000 00000000 0102030405060708
  00002044 00000000 0006 d0 00 0044 0000
  1111222233334444 5555666677778888
  9999aaaabbbbcccc ddddeeeeffff0000)");
inline const Bytes kCompactLoginRequest = hex(R"(
  0102030405060708 0006 d0 00 00002044
  1111222233334444 5555666677778888
  9999aaaabbbbcccc ddddeeeeffff0000
  0044 000000000000)");

// Request limit 128, 8276 bytes to the target, 8260 from it, channels terminated, SOLNT, immediate data
// granted.
inline const Bytes kLoginResponse = hex(R"(
  c0 000000 00000080 0102030405060708
  00002054 00002044 0006 91 00
  00000000 00000000 00000000 00000000 00000000 00000000)");

inline const Bytes kLoginReject = hex(R"(
  c2 000000 00010006 0102030405060708
  0000000000000000 0006 0000 00000000)");

// READ(10) of 8 blocks at LBA 256, one descriptor.
inline const Bytes kReadDirect = hex(R"(
  02 06 000000 01 00 00 0102030405060708
  00000000 0003000000000000 00 02 00 00
  28 00 00000100 00 0008 00 000000000000
  0000700012345000 deadbeef 00001000)");

// WRITE(16) with a table of three descriptors, all in the unit.
inline const Bytes kWriteIndirect = hex(R"(
  02 00 000000 20 03 00 1122334455667788
  00000000 4100000000000000 00 00 00 00
  8a 00 0000000000000001 00000006 00 00
  0000000000000000 00000000 00000030 00000c00
  0000700000000000 00000001 00000200
  0000700000010000 00000002 00000400
  0000700000020000 00000003 00000600)");

// The same write with one of the three descriptors in the unit.
inline const Bytes kWritePartialTable = hex(R"(
  02 00 000000 20 01 00 1122334455667788
  00000000 4100000000000000 00 00 00 00
  8a 00 0000000000000001 00000006 00 00
  0000600000000000 0000000a 00000030 00000c00
  0000700000000000 00000001 00000200)");

// WRITE(10) with 8 bytes of immediate data at offset 68.
inline const Bytes kWriteImmediate = hex(R"(
  02 00 000000 30 00 00 00000000000000aa
  00000000 0000000000000000 00 00 00 00
  2a 00 00000000 00 0001 00 000000000000
  00000008 00000000000000000000000000000000
  6461746164617461)");

// A 32-byte CDB (16 of them additional) and data in both directions.
inline const Bytes kLongBidirectional = hex(R"(
  02 00 000000 11 00 00 00000000000000bb
  00000000 0000000000000000 00 04 00 10
  7f 00 000000000018 0009 20 00 00000000
  00000000000000000000000000000001
  0000700000000000 00000001 00000200
  0000700000010000 00000002 00000400)");

inline const Bytes kResponseGood = hex(R"(
  c1 01 0000 00000001 0102030405060708
  0000 00 00 00000000 00000000 00000000 00000000)");

// CHECK CONDITION, 512 bytes of data-in missing, two credits taken back, fixed-format sense UNIT ATTENTION
// 29/00.
inline const Bytes kResponseCheck = hex(R"(
  c1 00 0000 fffffffe 0102030405060708
  0000 22 02 00000000 00000200 00000012 00000000
  70 00 06 00000000 0a 00000000 29 00 00 000000)");

// Response data with result 5, then sense data.
inline const Bytes kResponseTask = hex(R"(
  c1 00 0000 00000001 00000000000000cc
  0000 03 00 00000000 00000000 00000002 00000004
  00000005 7206)");

inline const Bytes kAbortTask = hex(R"(
  01 02 000000000000 00000000000000cc
  00000000 0003000000000000 0000 01 00 0102030405060708 0000000000000000)");

inline const Bytes kCreditRequest = hex("81 01 0000 fffffff0 00000000000000dd");
inline const Bytes kTargetLogout = hex("80 01 0000 00000001 00000000000000ee");
inline const Bytes kInitiatorLogout = hex("03 00000000000000 00000000000000ff");
inline const Bytes kCreditResponse = hex("41 00000000000000 00000000000000dd");
inline const Bytes kAsyncEventResponse = hex("42 00000000000000 00000000000000dd");

inline const Bytes kAsyncEventRequest = hex(R"(
  82 01 0000 00000003 00000000000000dd
  00000000 0001000000000000 00000004 00000000 72062a09)");

}  // namespace golden
