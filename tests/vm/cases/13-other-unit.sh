#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# a different logical unit at the same address is away after a reconnect; the error has both identities; two of two are refused
#
# timeout: 180
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual
head -c 1M /dev/urandom | tee /tmp/block | dd of=/dev/nbd0 bs=1M oflag=direct iflag=fullblock status=none
wwid_of() { sed -n "s/.*wwid \([^ ]*\).*/\1/p" <<<"$1"; }
old=$(srp show disk | grep '^lun 0 ')
srp disconnect disk
disk_add_null disk2 256 33333333-0000-4000-8000-000000000000
target_unmap 0
target_map 0 disk2

say "one unit of two is a different one: it is away, and the other works"
output=$(srp reconnect disk)
echo "$output"
wwid=$(wwid_of "$old")
[[ -n $wwid && $output == *"$wwid"* ]] || fail "the old identity $wwid is not named"
[[ $output == *33333333* ]] || fail "the new identity is not named"
session_is disk '.luns[0].away.code == "identity_mismatch" and .luns[1].away == null' || fail "show: $(srp show disk --json)"
reads_fail_at_once /dev/nbd0
dd if=/dev/nbd1 of=/dev/null bs=1M count=1 iflag=direct status=none
cmp -n $((256 << 20)) /dev/zero <(read_direct "$(disk_backing disk2)") || fail "something was written to the other disk"

say "both are different ones: the reconnect is refused"
srp disconnect disk
disk_add_null disk3 64 44444444-0000-4000-8000-000000000000
target_unmap 1
target_map 1 disk3
srp_refused 33333333 reconnect disk
session_is disk '.state == "disconnected" and .last_error.code == "identity_mismatch"' || fail "show: $(srp show disk --json)"
reads_fail_at_once /dev/nbd1

say "the right ones again"
target_unmap 0
target_unmap 1
target_map 0 disk0
target_map 1 disk1
srp reconnect disk
cmp /tmp/block <(dd if=/dev/nbd0 bs=1M count=1 iflag=direct,fullblock status=none)
dd if=/dev/nbd1 of=/dev/null bs=1M count=1 iflag=direct status=none
srp erase disk
srp_stop
