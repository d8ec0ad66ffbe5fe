// SPDX-License-Identifier: Apache-2.0
// A logical unit: its disk, its names and the data that it reports about itself (INQUIRY, READ CAPACITY, MODE
// SENSE).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scsi/decode_cdb.hpp"
#include "scsi/report_luns.hpp"
#include "target/config.hpp"
#include "target/disk.hpp"

namespace srpi::target {

class LogicalUnit {
 public:
  [[nodiscard]] static Result<std::unique_ptr<LogicalUnit>> create(const LunConfig&, const TargetConfig&,
                                                                   std::size_t index);

  [[nodiscard]] std::size_t index() const noexcept { return index_; }  // among all units the target ever had
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }
  [[nodiscard]] Disk& disk() const noexcept { return *disk_; }
  [[nodiscard]] bool read_only() const noexcept { return read_only_; }
  void set_read_only(bool yes) noexcept { read_only_ = yes; }
  // A hanging unit does not process anything, task management functions included, until it stops hanging.
  [[nodiscard]] bool hangs() const noexcept { return hangs_; }
  void set_hanging(bool yes) noexcept { hangs_ = yes; }
  [[nodiscard]] bool force_unit_access() const noexcept { return force_unit_access_; }
  [[nodiscard]] const std::string& serial() const noexcept { return serial_; }
  // Makes it a different unit: the serial number and the wwid follow from the name.
  void rename(const std::string& name);

  // The complete data of INQUIRY, READ CAPACITY or MODE SENSE; nullopt if the unit does not have the page.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> describe(const scsi::DecodedCdb&) const;

  static constexpr std::uint32_t kMaxUnmapDescriptors = 255;  // they fit a slot's parameter buffer
  static constexpr std::uint32_t kMaxUnmapBlocks = 0x3fffff;

 private:
  LogicalUnit() = default;
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> vital_product_data(std::uint8_t page) const;

  std::size_t index_ = 0;
  std::uint16_t number_ = 0;
  std::unique_ptr<Disk> disk_;
  bool read_only_ = false;
  bool hangs_ = false;
  bool force_unit_access_ = true;
  std::uint32_t max_transfer_bytes_ = 0;
  std::string serial_;
  std::uint64_t naa_ = 0;
};

// INQUIRY data for a LUN without a unit: qualifier 3, type 1Fh (SPC-4 6.6.2).
[[nodiscard]] std::vector<std::uint8_t> describe_nothing();

}  // namespace srpi::target
