#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# forty kernel devices of one session; a device that somebody else disconnects is left alone from then on
#
# timeout: 240
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

load_modules nbd
srp_start

say "forty units of one session, each with its own bytes"
units=40
srp connect "ram://1M?luns=$units" --name many >/tmp/devices
expect_equal "devices" "$(wc -l </tmp/devices)" "$units"
expect_equal "devices in use" "$(nbd_in_use | wc -l)" "$units"
device_of() { awk -v lun="$1" '$3 == lun { print $1 }' /tmp/devices; }
written=0
for ((i = 0; i < units; i++)); do
    head -c 1M /dev/zero | tr '\0' "\\$(printf %o $((i + 1)))" >"/tmp/bytes$i"
    dd if="/tmp/bytes$i" of="$(device_of "$i")" bs=256k oflag=direct status=none
done
for ((i = 0; i < units; i++)); do
    cmp "/tmp/bytes$i" "$(device_of "$i")" || fail "lun $i reads another's bytes"
    written=$((written + 1))
done
expect_equal "devices compared" "$written" "$units"
srp erase many
expect_equal "devices in use" "$(nbd_in_use)" ''

say "each unit gets the device that was chosen for it, the third one the first free device"
srp connect 'ram://1M?luns=3' --name chosen --device 1=/dev/nbd0 --device 0=/dev/nbd5 >/tmp/devices
expect_equal "devices" "$(awk '{ print $3 ":" $1 }' /tmp/devices | tr '\n' ' ')" "0:/dev/nbd5 1:/dev/nbd0 2:/dev/nbd1 "
srp erase chosen

say "an operator's nbd-client -d, and another session takes the device"
srp connect ram://8M --name disk --device /dev/nbd0
srp_follow /tmp/events
nbd-client -d /dev/nbd0
wait_until 10 has_event /tmp/events '.kind == "device_lost" and .device == "/dev/nbd0"'
session_is disk '.luns[0].device == null' || fail "the first still shows a device: $(srp show disk --json)"
srp connect ram://16M --name second --device /dev/nbd0
srp erase disk
expect_equal "devices in use" "$(nbd_in_use)" nbd0
expect_equal "its size" "$(blockdev --getsize64 /dev/nbd0)" $((16 << 20))
dd if=/tmp/bytes1 of=/dev/nbd0 bs=256k oflag=direct status=none
cmp -n 1048576 /tmp/bytes1 /dev/nbd0 || fail "second's device has lost its bytes"
srp erase second
expect_equal "devices in use" "$(nbd_in_use)" ''
srp_stop
