#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fio writes and verifies (crc32c) blocks of 512 B to 1 MiB at queue depth 32, without an error.
source "$(dirname "$0")/lib/daemon.bash"
need fio
fio --enghelp 2>/dev/null | grep -w nbd >/dev/null || { echo "skipped: fio without its nbd engine" >&2; exit 77; }

start_daemon
srp connect ram://64M --name ram --listen "unix:$scratch/nbd.sock" >/dev/null
timeout 120 fio --name=verify --ioengine=nbd --uri="nbd+unix:///lun0?socket=$scratch/nbd.sock" --rw=randrw --bsrange=512-1M \
  --iodepth=32 --size=64M --verify=crc32c --verify_fatal=1 --randseed=7 --output="$scratch/fio.log" \
  || { cat "$scratch/fio.log" >&2; fail "fio"; }
grep -q 'err= 0' "$scratch/fio.log" || fail "fio reports errors"
srp show ram --json | grep '"command_errors":0' >/dev/null || fail "the session counts command errors"
stop_daemon
