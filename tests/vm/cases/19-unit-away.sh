#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# a unit that is removed during I/O fails alone, also after a reconnect, and comes back by itself when it exists again
#
# rows: 36
# timeout: 180
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

srp_connect_usual --reconnect-delay 1000 --ack-timeout-exponent 17
srp_follow /tmp/events
head -c 1M /dev/urandom | tee /tmp/block | dd of=/dev/nbd1 bs=1M oflag=direct iflag=fullblock status=none
verified_start /dev/nbd0
is_away() { srp list | grep -F 'live, 1 of 2 units away' >/dev/null; }
is_whole() { srp list | grep -F 'live  srp:' >/dev/null; }

target_unmap 1
# The first I/O gets "no unit", unless the target has reported before that its units have changed.
must_fail dd if=/dev/nbd1 of=/dev/null bs=4k count=1 iflag=direct status=none
wait_until 10 is_away
srp list
reads_fail_at_once /dev/nbd1
wait_until 10 has_event /tmp/events '.kind == "unit_away"'
session_is disk '.luns[1].away.code == "no_such_lun"' || fail "show: $(srp show disk --json)"

say "also over a new connection"
srp disconnect disk
begin=$(now_us)
[[ $(srp reconnect disk) == *'disk is live'*'/dev/nbd1  lun 1  away: '* ]] || fail "reconnect: $(srp list)"
is_away || fail "after the reconnect: $(srp list)"
wait_until 20 verified_since good "$begin"
reads_fail_at_once /dev/nbd1

say "and back"
target_map 1 disk1
wait_until 20 is_whole
wait_until 10 has_event /tmp/events '.kind == "unit_back"'
cmp /tmp/block <(dd if=/dev/nbd1 bs=1M count=1 iflag=direct,fullblock status=none)
expect_equal "losses" "$(srp_counter losses)" 0
verified_is_fine
verified_stop "$(disk_backing disk0)"
same_bytes /dev/nbd1 "$(disk_backing disk1)"
srp erase disk
srp_stop
