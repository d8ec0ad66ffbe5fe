#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# a different logical unit at the same address is refused at reconnect; the error has both identities
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

output=$(srp reconnect disk 2>&1) && fail "reconnected to another unit"
echo "$output"
wwid=$(wwid_of "$old")
[[ -n $wwid && $output == *"$wwid"* ]] || fail "the old identity $wwid is not named"
[[ $output == *33333333* ]] || fail "the new identity is not named"
reads_fail_at_once /dev/nbd0
cmp -n $((256 << 20)) /dev/zero <(read_direct "$(disk_backing disk2)") || fail "something was written to the other disk"

say "the right one again"
target_unmap 0
target_map 0 disk0
srp reconnect disk
cmp /tmp/block <(dd if=/dev/nbd0 bs=1M count=1 iflag=direct,fullblock status=none)
srp erase disk
srp_stop
