#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# eight units, seven of them odd: every one that the kernel's initiator attaches is a device of ours; a standby unit comes back
#
# timeout: 240
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

access_state() { echo "$2" >"$(disk_core "$1")/alua/default_tg_pt_gp/alua_access_state"; }
rdma_start
target_start
disk_add_null plain 16 00000000-0000-4000-8000-000000000000
disk_add_null standby 16 10000000-0000-4000-8000-000000000000
disk_add_null unavailable 16 20000000-0000-4000-8000-000000000000
disk_add_null native4k 16 30000000-0000-4000-8000-000000000000 blocksize=4096
disk_add_null read_only 16 40000000-0000-4000-8000-000000000000
disk_add_file huge $((3 << 20)) 50000000-0000-4000-8000-000000000000    # 3 TiB: READ CAPACITY(10) cannot say it
disk_add_null far 16 60000000-0000-4000-8000-000000000000
disk_add_scsi_debug coarse 16 physblk_exp=15 removable=1                # a physical block of 16 MiB
target_map 0 plain
target_map 1 standby
target_map 2 unavailable
target_map 3 native4k
target_map 4 read_only
target_map 5 huge
target_map 6 coarse
target_map 300 far                                                      # beyond the peripheral addressing of 256 units
target_online
target_permit "$(ib_srp_initiator)"
target_permit "$srp_initiator"
for initiator in "$(ib_srp_initiator)" "$srp_initiator"; do
    echo 1 >"$target_group/acls/0x$initiator/lun_4/write_protect"
done
access_state standby 2
access_state unavailable 3

say "what the kernel's initiator attaches"
ib_srp_login
luns=(0 1 2 3 4 5 6 300)
attached=()
for lun in 0 3 5; do ib_srp_disk "$lun" >/dev/null; done
sleep 2    # the others may never come
for lun in "${luns[@]}"; do
    if ib_srp_find "$lun" >/tmp/found; then attached+=("$lun"); echo "lun $lun: $(</tmp/found)"; fi
done
ib_srp_logout

say "ours: a device for each of them, but for the unavailable one, whose size nobody knows yet"
load_modules nbd
srp_start
srp_connect --reconnect-delay 1000 | tee /tmp/devices
device_of() { srp show disk --json | jq -r ".luns[] | select(.lun == $1).device"; }
far=$((0x012c << 48))    # LUN 300 in the form that Linux gives it
expect_equal "devices" "$(grep -c ^/dev/nbd /tmp/devices)" $((${#luns[@]} - 1))
grep -q '(not taken) *lun 2 *not ready: .*unavailable' /tmp/devices || fail "lun 2 is not named, with its reason"
srp list

say "each does what it can"
for lun in 0 5 6 $far; do
    dd if=/dev/zero of="$(device_of "$lun")" bs=64k count=1 oflag=direct status=none || fail "lun $lun takes no write"
done
dd if=/dev/zero of="$(device_of 3)" bs=64k count=1 oflag=direct status=none
expect_equal "block size of LUN 3" "$(blockdev --getss "$(device_of 3)")" 4096
expect_equal "size of LUN 5" "$(blockdev --getsize64 "$(device_of 5)")" $((3 << 40))
dd if="$(device_of 5)" of=/dev/null bs=64k count=1 skip=$(((3 << 24) - 1)) iflag=direct status=none
expect_equal "LUN 4 is read-only" "$(blockdev --getro "$(device_of 4)")" 1
dd if="$(device_of 4)" of=/dev/null bs=64k count=1 iflag=direct status=none

say "the standby unit is away, and comes back when it is active; the unavailable one gets its device then"
session_is disk '.luns[] | select(.lun == 1).away.code == "not_ready"' || fail "lun 1: $(srp show disk --json)"
reads_fail_at_once "$(device_of 1)"
access_state standby 0
access_state unavailable 0
is_whole() { srp list | grep -F 'live  srp:' >/dev/null; }
wait_until 30 is_whole
has_device() { [[ -b $(device_of "$1") ]]; }
wait_until 30 has_device 2
for lun in 1 2; do dd if="$(device_of $lun)" of=/dev/null bs=64k count=1 iflag=direct status=none; done
for lun in "${attached[@]/#300/$far}"; do has_device "$lun" || fail "lun $lun is attached by ib_srp, and is no device of ours"; done
expect_equal "losses" "$(srp_counter losses)" 0
srp erase disk
srp_stop
