#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# a medium error fails only its own request, at once; a device grows with its unit
#
# rows: 16 17
# timeout: 240
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

parameter() { echo "$2" >"/sys/bus/pseudo/drivers/scsi_debug/$1"; }
rdma_start
target_start
disk_add_scsi_debug faulty 64
target_map 0 faulty
target_online
target_permit "$srp_initiator"
load_modules nbd
srp_start
srp_connect --ack-timeout-exponent 17
srp_follow /tmp/events
# No immediate data here: Linux's pscsi cannot take such writes (up to 8 KiB), from us or from ib_srp.
large=--bsrange=16k-256k
fio_verify /dev/nbd0 32 $large

say "a medium error: EIO for what touches those sectors, at once, and for nothing else"
parameter opts 2
before=$(srp_counter command_errors)
begin=$(now_ms)
must_fail dd if=/dev/nbd0 of=/dev/null bs=4k skip=$((0x1234 / 8)) count=1 iflag=direct status=none
(($(now_ms) - begin < 5000)) || fail "took $(($(now_ms) - begin)) ms"
(($(srp_counter command_errors) > before)) || fail "no command failed: the fault did not fire"
dd if=/dev/nbd0 of=/dev/null bs=4k skip=$((0x2000 / 8)) count=1 iflag=direct status=none
srp_state_is live || fail "a medium error cost the session"
parameter opts 0
dd if=/dev/nbd0 of=/dev/null bs=4k skip=$((0x1234 / 8)) count=1 iflag=direct status=none

expect_equal "losses" "$(srp_counter losses)" 0

exec {kept}<>/dev/nbd0
say "the unit grows to 1 GiB: a unit attention, and a new size with the next login at the latest"
parameter virtual_gb 1
for ((i = 0; i < 20; i++)); do dd if=/dev/nbd0 of=/dev/null bs=4k count=1 iflag=direct status=none; done
wait_until 10 grep -q 'capacity changed' "$srp_log"
srp disconnect disk
srp reconnect disk
wait_until 10 has_event /tmp/events '.kind == "unit_resized" and .size_bytes == 1073741824 and .old_size_bytes == 67108864'
# The device stays open; fio and file systems see the new size.
size_is() { [[ $(blockdev --getsize64 /dev/nbd0) == "$1" ]]; }
wait_until 10 size_is 1073741824
dd if=/dev/zero bs=64k count=1 seek=$((1073741824 / 65536 - 1)) oflag=direct status=none >&$kept
exec {kept}<&-
srp erase disk
srp_stop
