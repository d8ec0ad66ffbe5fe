// SPDX-License-Identifier: Apache-2.0
// A logical unit: a disk, the names it goes by, and what it says about itself (SPC-4 and SBC-3 data, made by
// scsi/).
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

  [[nodiscard]] std::size_t index() const noexcept { return index_; }  // of all units the target ever had
  [[nodiscard]] std::uint16_t number() const noexcept { return number_; }
  [[nodiscard]] Disk& disk() const noexcept { return *disk_; }
  [[nodiscard]] bool read_only() const noexcept { return read_only_; }
  void set_read_only(bool yes) noexcept { read_only_ = yes; }
  // It takes up nothing that comes, task management included, until it goes on.
  [[nodiscard]] bool hangs() const noexcept { return hangs_; }
  void set_hanging(bool yes) noexcept { hangs_ = yes; }
  [[nodiscard]] bool force_unit_access() const noexcept { return force_unit_access_; }
  [[nodiscard]] const std::string& serial() const noexcept { return serial_; }
  // Another unit from now on: serial number and wwid follow the name.
  void rename(const std::string& name);

  // The data of INQUIRY, READ CAPACITY or MODE SENSE, whole; nothing: the CDB asks for a page that is not
  // there.
  [[nodiscard]] std::optional<std::vector<std::uint8_t>> describe(const scsi::DecodedCdb&) const;

  static constexpr std::uint32_t kMaxUnmapDescriptors = 255;  // what fits a slot's parameter buffer
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

// INQUIRY at a LUN where nothing is: qualifier 3, type 1Fh (SPC-4 6.6.2).
[[nodiscard]] std::vector<std::uint8_t> describe_nothing();

}  // namespace srpi::target
