#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# NBD clients cannot take the last file descriptors: those beyond the limit are disconnected, and the daemon neither
# spins nor keeps the control socket from its clients.
source "$(dirname "$0")/lib/daemon.bash"
need nbdcopy

printf '#!/bin/bash\nulimit -n 96\nexec %q "$@"\n' "$SRP_NBD" > "$scratch/limited"
chmod +x "$scratch/limited"
SRP_NBD=$scratch/limited start_daemon
socket=$scratch/nbd.sock
srp connect 'ram://8M?luns=64' --name ram --listen "unix:$socket" >/dev/null  # 256 clients may come
mkfifo "$scratch/silence"
exec 9<>"$scratch/silence"
"$CONTROL_TALK" --crowd 200 "$socket" <"$scratch/silence" >"$scratch/crowd" & background_pids+=("$!")
wait_until 10 grep -q 'accept on .*: ' "$scratch/daemon.log" || fail "200 clients take no more than 96 descriptors"
used=$(find "/proc/$daemon_pid/fd" -mindepth 1 | wc -l)
((used < 96)) || fail "all 96 descriptors are in use"
ticks() { awk '{ print $14 + $15 }' "/proc/$daemon_pid/stat"; }
for _ in {1..20}; do srp list >/dev/null || fail "no descriptor is left for a control client"; done
before=$(ticks)
sleep 2
((($(ticks) - before) < 100)) || fail "the daemon spins: it uses more than half of a processor"
# Five lines pass in ten seconds.
[[ $(grep -c 'accept on' "$scratch/daemon.log") -le 20 ]] || fail "too many lines of log"
stop_daemon
