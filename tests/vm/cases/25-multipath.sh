#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dm-multipath over two sessions that disconnect and reconnect in turn: no error and no wrong byte (blktests srp/002, 011)
#
# timeout: 300
# kernels: 6.12
# shellcheck source=../guest/lib.sh
source "$SRPI_ROOT/tests/vm/guest/lib.sh"

second=00000000000000cc0000000000000002
load_modules nbd dm_multipath dm_round_robin
target_start_usual 64 32
target_permit "$srp_initiator"
target_permit $second
srp_start
srp connect "$(target_uri)" --name a --lun 0 --device /dev/nbd0 --initiator-port-id "$srp_initiator"
srp connect "$(target_uri)" --name b --lun 0 --device /dev/nbd1 --initiator-port-id $second
# Use bio mode: in request mode, dm-multipath calls nbd where it must not sleep, but nbd sleeps, and 6.12 complains.
# Without udev the map has no device node.
dmsetup create paths --noudevsync --table \
    "0 $(blockdev --getsz /dev/nbd0) multipath 3 queue_if_no_path queue_mode bio 0 1 1 round-robin 0 2 1 /dev/nbd0 1 /dev/nbd1 1"
trap 'status=$?; dmsetup message paths 0 fail_if_no_path; dmsetup remove --force --noudevsync paths; srp_log_on_failure $status' EXIT
map=/dev/dm-$(dmsetup info -c --noheadings -o minor paths)
path_failed() { [[ $(dmsetup status paths) =~ $(cat "/sys/block/$1/dev")\ F ]]; }

verified_start "$map" 8 16 8 30000
cycle() { # SESSION DEVICE
    srp disconnect "$1"
    wait_until 20 path_failed "$2"
    srp reconnect "$1" >/dev/null
    dmsetup message paths 0 "reinstate_path /dev/$2"
    sleep 0.5
    path_failed "$2" && fail "the path over $2 failed again: $(dmsetup status paths)"
    is_fine
}
is_fine() { verified_is_fine; }
for ((i = 0; i < 6; i++)); do
    cycle a nbd0
    cycle b nbd1
done
say "both paths away for a second: I/O waits, then goes on"
srp disconnect a
srp disconnect b
wait_until 20 path_failed nbd0
wait_until 20 path_failed nbd1
sleep 1
srp reconnect a
srp reconnect b
dmsetup message paths 0 "reinstate_path /dev/nbd0"
dmsetup message paths 0 "reinstate_path /dev/nbd1"
sleep 1
verified_stop "$(disk_backing disk0)"
[[ $(<$verified_output) == *" 0 errors"* ]] || fail "errors came through: $(<$verified_output)"
same_bytes "$map" "$(disk_backing disk0)"

say "a file system on the map: nothing of it ever fails"
mkfs.ext4 -q "$map"
mkdir /tmp/files
mount "$map" /tmp/files
write_files() {
    until [[ -e /tmp/enough ]]; do
        fio_quiet --directory=/tmp/files --nrfiles=4 --size=16m --rw=randwrite --bs=4k --iodepth=8 --loops=100 --time_based \
            --runtime=5 --verify=crc32c --verify_fatal=1 --do_verify=1 --verify_backlog=256 || return
    done
}
write_files >/tmp/fio.log &
fio_pid=$!
is_fine() { kill -0 $fio_pid 2>/dev/null || fail "fio: $(cat /tmp/fio.log)"; }
for ((i = 0; i < 3; i++)); do
    cycle a nbd0
    cycle b nbd1
done
touch /tmp/enough
wait $fio_pid || fail "fio: $(cat /tmp/fio.log)"
umount /tmp/files
mount "$map" /tmp/files
expect_equal "files" "$(find /tmp/files -name 'job*' | wc -l)" 4
umount /tmp/files
same_bytes "$map" "$(disk_backing disk0)"
dmsetup remove --noudevsync paths
trap 'srp_log_on_failure $?' EXIT
srp erase a
srp erase b
srp_stop
