#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# one of two disks hangs, and the target answers no abort and no reset for it: one loss, then the other disk works; the unit comes back by itself
#
# rows: 37
# timeout: 180
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

rdma_start
target_start
disk_add_null disk0 64 11111111-0000-4000-8000-000000000000
disk_add_mapped disk1 64 22222222-0000-4000-8000-000000000000
target_map 0 disk0
target_map 1 disk1
target_online
target_permit "$srp_initiator"
load_modules nbd
srp_start
# A machine that stands still for a moment must not count as a loss.
srp_connect --command-timeout 3000 --ack-timeout-exponent 16 --task-management-timeout 1000 --reconnect-delay 1000
srp_follow /tmp/events
is_away() { srp list | grep -F 'live, 1 of 2 units away' >/dev/null; }
is_whole() { srp list | grep -F 'live  srp:' >/dev/null; }
head -c 1M /dev/urandom | tee /tmp/block | dd of=/dev/nbd1 bs=1M oflag=direct iflag=fullblock status=none
verified_start /dev/nbd0 8 16 8 30000

dmsetup suspend --nolockfs mapped-disk1
say "a write that hangs ends with an error, and with it the connection; the other disk is back without waiting for this one"
must_fail dd if=/dev/zero of=/dev/nbd1 bs=4k seek=256 count=1 oflag=direct status=none
wait_until 20 is_away
srp list
wait_until 20 verified_works
wait_until 10 has_event /tmp/events '.kind == "unit_away"'
sleep 1  # its I/O is retried for one task management timeout after the login
reads_fail_at_once /dev/nbd1
for ((k = 0; k < 10; k++)); do
    sleep 0.5
    is_away || fail "$(srp list)"
done
expect_equal "losses while it hangs" "$(srp_counter losses)" 1
verified_is_fine

say "it goes on: proved, fenced and back"
dmsetup resume mapped-disk1
wait_until 20 is_whole
wait_until 10 has_event /tmp/events '.kind == "unit_back"'
cmp /tmp/block <(dd if=/dev/nbd1 bs=1M count=1 iflag=direct,fullblock status=none)
dd if=/dev/urandom of=/dev/nbd1 bs=64k count=16 oflag=direct status=none
expect_equal "losses" "$(srp_counter losses)" 1
verified_stop "$(disk_backing disk0)"
same_bytes /dev/nbd1 "$(disk_backing disk1)"
srp erase disk
srp_stop
