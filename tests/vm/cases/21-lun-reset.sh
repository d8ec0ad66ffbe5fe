#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# another initiator resets the logical unit every second under verified I/O, and our aborted commands are sent again
#
# rows: 16
# timeout: 240
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --ack-timeout-exponent 17
target_permit "$(ib_srp_initiator)"
ib_srp_login
other=$(ib_srp_disk 0)
# SG_SCSI_RESET with SG_SCSI_RESET_DEVICE.
reset_unit() {
    perl -e 'open(my $f, "<", $ARGV[0]) or die "$!\n"; my $x = pack("i", 1); ioctl($f, 0x2284, $x) or die "$!\n"' "$other"
}
aborted_at_target() { cat "$(disk_core disk0)"/statistics/scsi_dev/resets 2>/dev/null || cat "$(disk_core disk0)"/statistics/scsi_lu/resets; }

verified_start /dev/nbd0 8 64 16
before=$(aborted_at_target)
for ((i = 0; i < 12; i++)); do
    sleep 1
    reset_unit || fail "the other initiator cannot reset the unit"
    verified_is_fine
done
verified_stop "$(disk_backing disk0)"
(($(aborted_at_target) >= before + 12)) || fail "the target counts $before, then $(aborted_at_target) resets"
[[ $(<$verified_output) == *" 0 errors"* ]] || fail "I/O failed: $(<$verified_output)"
expect_equal "losses" "$(srp_counter losses)" 0
grep -q 'logical unit reset' "$srp_log" || fail "no reset was noticed: $(tail -n 5 "$srp_log")"
same_bytes /dev/nbd0 "$(disk_backing disk0)"
srp erase disk
ib_srp_logout
srp_stop
