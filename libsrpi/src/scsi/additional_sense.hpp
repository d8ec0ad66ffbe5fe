// SPDX-License-Identifier: Apache-2.0
// Additional sense codes (ASC/ASCQ): names for the codes that our code tests, texts for those of block
// devices.
#pragma once

#include <cstdint>
#include <string>

namespace srpi::scsi {

struct AdditionalSense {
  std::uint8_t code = 0;       // ASC
  std::uint8_t qualifier = 0;  // ASCQ
  friend constexpr bool operator==(AdditionalSense, AdditionalSense) = default;
};

inline constexpr AdditionalSense kNoAdditionalSense{0x00, 0x00};
inline constexpr AdditionalSense kBecomingReady{0x04, 0x01};
inline constexpr AdditionalSense kWriteError{0x0c, 0x00};
inline constexpr AdditionalSense kUnrecoveredReadError{0x11, 0x00};
inline constexpr AdditionalSense kParameterListLengthError{0x1a, 0x00};
inline constexpr AdditionalSense kMiscompareDuringVerify{0x1d, 0x00};
inline constexpr AdditionalSense kInvalidOperationCode{0x20, 0x00};
inline constexpr AdditionalSense kLbaOutOfRange{0x21, 0x00};
inline constexpr AdditionalSense kInvalidFieldInCdb{0x24, 0x00};
inline constexpr AdditionalSense kLogicalUnitNotSupported{0x25, 0x00};
inline constexpr AdditionalSense kInvalidFieldInParameterList{0x26, 0x00};
inline constexpr AdditionalSense kWriteProtected{0x27, 0x00};
inline constexpr AdditionalSense kSpaceAllocationFailed{0x27, 0x07};
inline constexpr AdditionalSense kMediumMayHaveChanged{0x28, 0x00};
inline constexpr AdditionalSense kPowerOnOrReset{0x29, 0x00};
inline constexpr AdditionalSense kBusDeviceReset{0x29, 0x03};
inline constexpr AdditionalSense kModeParametersChanged{0x2a, 0x01};
inline constexpr AdditionalSense kCapacityChanged{0x2a, 0x09};
inline constexpr AdditionalSense kCommandsCleared{0x2f, 0x00};
inline constexpr AdditionalSense kMediumNotPresent{0x3a, 0x00};
inline constexpr AdditionalSense kReportedLunsDataChanged{0x3f, 0x0e};
inline constexpr AdditionalSense kInternalTargetFailure{0x44, 0x00};

// "logical block address out of range", "becoming ready", …; nullptr for an unknown code.
[[nodiscard]] const char* words_of(AdditionalSense) noexcept;
// "logical block address out of range (21/00)"; an unknown code is "additional sense 91/02".
[[nodiscard]] std::string to_string(AdditionalSense);

}  // namespace srpi::scsi
