// SPDX-License-Identifier: Apache-2.0
// Where a command's data is: data buffer descriptors (SRP r16a) and Linux's immediate data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/big_endian.hpp"
#include "base/check.hpp"

namespace srpi::wire {

enum class DataFormat : std::uint8_t {
  none = 0,       // no data in this direction
  direct = 1,     // one descriptor
  indirect = 2,   // a table of descriptors; the unit holds all of it or its start
  immediate = 3,  // data-out only: the data is in the unit itself
};
[[nodiscard]] const char* to_string(DataFormat) noexcept;

// A range of registered memory. The type is trivial, so an uninitialised array of descriptors on the stack
// costs nothing.
struct DirectDescriptor {
  std::uint64_t address;
  std::uint32_t key;  // rkey
  std::uint32_t bytes;

  bool operator==(const DirectDescriptor&) const = default;
};

namespace layout {

struct DirectDescriptor {
  base::be64 address;
  base::be32 key;
  base::be32 bytes;
};
static_assert(sizeof(DirectDescriptor) == 16);
static_assert(offsetof(DirectDescriptor, key) == 8 && offsetof(DirectDescriptor, bytes) == 12);

// The direct descriptors follow. The command's count byte says how many.
struct IndirectHeader {
  DirectDescriptor table;  // `bytes` is the length of the whole table
  base::be32 total_bytes;  // of data
};
static_assert(sizeof(IndirectHeader) == 20 && offsetof(IndirectHeader, total_bytes) == 16);

struct ImmediateHeader {
  base::be32 bytes;
};
static_assert(sizeof(ImmediateHeader) == 4);

}  // namespace layout

inline constexpr std::size_t kDescriptorBytes = sizeof(layout::DirectDescriptor);
inline constexpr std::size_t kIndirectHeaderBytes = sizeof(layout::IndirectHeader);
inline constexpr std::size_t kMaxDescriptors = 255;  // per unit and direction: the count is one byte

// The data of one direction of a command to send.
struct DataBuffer {
  DataFormat format = DataFormat::none;
  std::uint32_t bytes = 0;                        // of data; unused for direct buffers
  std::span<const DirectDescriptor> descriptors;  // direct: 1; indirect: the 1..255 in the unit
  // indirect: where the whole table is. 0 bytes: `descriptors` is the whole table.
  DirectDescriptor table{};

  [[nodiscard]] static DataBuffer direct(std::span<const DirectDescriptor, 1> one) noexcept {
    return {DataFormat::direct, one[0].bytes, one, {}};
  }
  [[nodiscard]] static DataBuffer indirect(std::span<const DirectDescriptor> in_unit,
                                           std::uint32_t data_bytes,
                                           DirectDescriptor whole_table = {}) noexcept {
    return {DataFormat::indirect, data_bytes, in_unit, whole_table};
  }
  [[nodiscard]] static DataBuffer immediate(std::uint32_t data_bytes) noexcept {
    return {DataFormat::immediate, data_bytes, {}, {}};
  }
};

// Reads the descriptors of a received command in the receive buffer, without a copy.
class DescriptorView {
 public:
  DescriptorView() = default;
  // Precondition: `bytes` holds a whole number of descriptors.
  explicit DescriptorView(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {
    SRPI_CHECK(bytes.size() % kDescriptorBytes == 0);
  }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / kDescriptorBytes; }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] DirectDescriptor operator[](std::size_t i) const noexcept {
    SRPI_CHECK(i < size());
    const auto& raw =
        *reinterpret_cast<const layout::DirectDescriptor*>(bytes_.data() + i * kDescriptorBytes);
    return {raw.address, raw.key, raw.bytes};
  }

  class Iterator {
   public:
    Iterator(const DescriptorView& view, std::size_t i) noexcept : view_(&view), i_(i) {}
    DirectDescriptor operator*() const noexcept { return (*view_)[i_]; }
    Iterator& operator++() noexcept { return ++i_, *this; }
    bool operator==(const Iterator& other) const noexcept { return i_ == other.i_; }

   private:
    const DescriptorView* view_;
    std::size_t i_;
  };
  [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
  [[nodiscard]] Iterator end() const noexcept { return {*this, size()}; }

 private:
  std::span<const std::byte> bytes_;
};

// The data of one direction of a received command.
struct ReceivedBuffer {
  DataFormat format = DataFormat::none;
  std::uint32_t bytes = 0;               // of data, as the initiator states it
  DescriptorView descriptors;            // direct: 1; indirect: the ones in the unit
  DirectDescriptor table{};              // indirect only
  std::span<const std::byte> immediate;  // immediate only: the data itself

  // The unit holds only the start of the table. An RDMA READ from `table` gets the rest.
  [[nodiscard]] bool partial_table() const noexcept {
    return format == DataFormat::indirect && descriptors.size() * kDescriptorBytes < table.bytes;
  }
};

}  // namespace srpi::wire
