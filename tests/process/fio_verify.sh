#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# fio writes and verifies (crc32c) blocks of 512 B to 1 MiB at queue depth 32, without an error.
source "$(dirname "$0")/lib/daemon.bash"
need_fio_nbd

start_daemon
srp connect ram://64M --name ram --listen "unix:$scratch/nbd.sock" >/dev/null
timeout 120 fio --name=verify --ioengine=nbd --uri="nbd+unix:///lun0?socket=$scratch/nbd.sock" --rw=randrw --bsrange=512-1M \
  --iodepth=32 --size=64M --verify=crc32c --verify_fatal=1 --verify_state_save=0 --randseed=7 --output-format=json --output="$scratch/fio.json" \
  || { cat "$scratch/fio.json" >&2; fail "fio"; }
fio_says "$scratch/fio.json" '.jobs[0].error == 0' || fail "fio reports errors: $(cat "$scratch/fio.json")"
session_is ram '.counters.command_errors == 0' || fail "the session counts command errors"
stop_daemon
