#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Forty logical units of one session are open at once, each with a client that has not sent anything yet.
source "$(dirname "$0")/lib/daemon.bash"
need nbdinfo nbdcopy cmp flock

units=40
start_daemon
srp connect "ram://1M?luns=$units" --name ram --listen "unix:$scratch/many$$.sock" > "$scratch/uris"
uri() { echo "nbd+unix:///lun$1?socket=$scratch/many$$.sock"; }
[[ $(grep -c 'nbd+unix:///lun' "$scratch/uris") == "$units" ]] || fail "connect printed: $(cat "$scratch/uris")"

# Each copy opens its export and then waits for its input, which this lock holds back.
exec 8>"$scratch/gate"
flock 8
for ((i = 0; i < units; ++i)); do
  head -c 1M /dev/urandom > "$scratch/in$i"
  flock --shared "$scratch/gate" cat "$scratch/in$i" 8>&- | timeout 120 nbdcopy - "$(uri "$i")" 2>"$scratch/copy$i" 8>&- &
  copies[i]=$!
  background_pids+=("$!")
done
# The kernel knows a socket by the path that it was bound to, which is relative to its folder's descriptor.
sockets() { grep -c "/many$$.sock" /proc/net/unix; }
served() { (($(sockets) >= 1 + units)); }
wait_until 30 served || fail "$(cat "$scratch"/copy*): only $(sockets) sockets"

for ((i = 0; i < units; ++i)); do
  [[ $(timeout 20 nbdinfo --size "$(uri "$i")") == 1048576 ]] || fail "lun $i does not open beside the others"
done
flock --unlock 8
for ((i = 0; i < units; ++i)); do
  wait "${copies[i]}" || fail "lun $i: $(cat "$scratch/copy$i")"
done
for ((i = 0; i < units; ++i)); do
  timeout 20 nbdcopy "$(uri "$i")" "$scratch/out"
  cmp "$scratch/in$i" "$scratch/out" || fail "lun $i reads something else than was written"
done
stop_daemon
