#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# the kernel's own initiator logs in to the target, and its data arrives on the disks
#
# timeout: 180
# kernels: 6.1
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

target_start_usual 64 32

say "without an access list the login is refused"
must_fail ib_srp_login

target_permit "$(ib_srp_initiator)"
ib_srp_login
device0=$(ib_srp_disk 0)
device1=$(ib_srp_disk 1)
expect_equal "size of LUN 0" "$(blockdev --getsize64 "$device0")" $((64 << 20))
expect_equal "size of LUN 1" "$(blockdev --getsize64 "$device1")" $((32 << 20))

say "verified I/O on both logical units"
fio_verify "$device0" 32
fio_verify "$device1" 16

say "the bytes are on the disks behind the target"
fio_verify_again "$(disk_backing disk0)" 32
same_bytes "$device0" "$(disk_backing disk0)"
same_bytes "$device1" "$(disk_backing disk1)"

say "the target goes away and comes back"
for port in /sys/class/srp_remote_ports/port-*; do
    echo 1 >"$port/reconnect_delay"
    echo 2 >"$port/fast_io_fail_tmo"
done
session_is() { [[ $(<"$port/state") == "$1" ]]; }
session_is running || fail "the session is '$(<"$port/state")' after the login"
target_offline
wait_until 30 session_is fail-fast
must_fail dd if="$device0" of=/dev/null bs=4k count=1 iflag=direct
target_online
wait_until 30 session_is running
same_bytes "$device0" "$(disk_backing disk0)"

say "logged out, nothing is left"
ib_srp_logout
[[ ! -b $device0 ]] || fail "$device0 is still there"
