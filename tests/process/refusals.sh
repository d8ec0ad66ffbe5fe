#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each impossible command is refused with its own message and exit code, and leaves nothing behind.
source "$(dirname "$0")/lib/daemon.bash"

expect 3 "no daemon answers" srp list
# A lack of file descriptors does not look like a missing daemon. UBSan itself needs some, so not with a sanitizer.
# shellcheck disable=SC2016
ldd "$SRP_NBD" | grep 'lib[a-z]*san\.so' >/dev/null ||
    expect 1 "Too many open files" bash -c 'exec 3<&- 4<&-; ulimit -n 5; exec "$SRP_NBD" list'
expect 3 "start one with" srp connect ram://1M --listen "unix:$scratch/a.sock"
expect 2 "no command given: expected one of daemon, run, connect" srp
expect 2 'unknown command "frobnicate": expected one of daemon, run' srp frobnicate
expect 0 "srp-nbd " srp --version
expect 2 "TARGET is required" srp connect
expect 0 "Examples:" srp connect --help
expect 0 "Exit codes:" srp --help
expect 2 "TARGET: invalid argument: target address" srp connect http://nowhere
expect 2 "--connect-timeout: expected" srp connect ram://1M --connect-timeout soon
expect 2 "--task-management-timeout: expected milliseconds from 100" srp connect ram://1M --task-management-timeout 5
expect 2 "--retry-count: expected a number from 0 to 6, got \"7\"" srp connect ram://1M --retry-count 7
expect 2 "--ack-timeout-exponent: expected a number from 1 to 31" srp connect ram://1M --ack-timeout-exponent 32
expect 2 "later than command_timeout" srp connect ram://1M --ack-timeout-exponent 20
expect 2 "fence_first_login is on, but fence is off" srp connect ram://1M --no-fence --fence-first-login
expect 2 "fence_first_login is on, but fence is off" srp run ram://1M --no-fence --fence-first-login
expect 0 "--fence-first-login" srp connect --help
expect 2 "device and listen exclude" srp connect ram://1M --listen unix:/tmp/x --device /dev/nbd0
expect 2 "--device: expected /dev/nbdN" srp connect ram://1M --device /dev/sda
expect 2 "unix:/PATH, absolute" srp connect ram://1M --listen tcp:10809
expect 2 "--listen: expected a value" srp connect ram://1M --listen ""
expect 2 "--control: expected a value" srp list --control ""
expect 2 "--config: expected a value" srp daemon --config ""
expect 2 "NAME: expected a value" srp events ""
expect 2 "FILE: expected a value" srp sync ""
expect 2 "expected a whole number, got \"1x\"" srp abort s0 --lun 1x
expect 2 "--reconnect-delay: expected milliseconds from 10" srp connect ram://1M --reconnect-delay 5

start_daemon
# The socket can be given before or after the command.
expect 0 "no sessions" env SRP_NBD_CONTROL=/nowhere "$SRP_NBD" --control "$SRP_NBD_CONTROL" list
expect 0 "no sessions" env SRP_NBD_CONTROL=/nowhere "$SRP_NBD" list --control "$SRP_NBD_CONTROL"
expect 1 "already running" srp daemon --foreground
expect 1 "already running" srp daemon
expect 4 'no session "s9"' srp show s9
expect 2 "expected a session's name" srp show 'a b'
expect 1 "writing to standard output" bash -c '"$SRP_NBD" list > /dev/full'
expect 4 'no session "s9"' srp disconnect s9
expect 4 'no session "s9"' srp reconnect s9
expect 4 'no session "s9"' srp erase s9
expect 4 'no session "s9"' srp target offline s9

expect 0 "nbd+unix:///lun0" srp connect ram://1M --listen "unix:$scratch/a.sock"
session_is s0 '.name == "s0"' || fail "the first session without a name is not s0"
expect 1 "is taken" srp connect ram://1M --name s0 --listen "unix:$scratch/b.sock"
expect 1 'in use by the session "s0"' srp connect ram://1M --listen "unix:$scratch/a.sock"
expect 1 "LUN 7" srp connect --lun 7 ram://1M --listen "unix:$scratch/b.sock"
echo precious > "$scratch/file"
expect 1 "" srp connect ram://1M --listen "unix:$scratch/file"
[[ $(cat "$scratch/file") == precious ]] || fail "a file was overwritten by a socket"
expect 1 "" srp connect ram://1M --listen "unix:$scratch/no/such/folder/s"
# Without RDMA, or at a closed port: an error within the deadline, and nothing is left.
expect 1 "" srp connect 'srp://127.0.0.1:1/?id_ext=1&ioc_guid=2' --connect-timeout 2000 --listen "unix:$scratch/b.sock"
[[ ! -e $scratch/b.sock ]] || fail "a failed connect left a socket"
[[ $(srp list | grep -c '^s[0-9]') == 1 ]] || fail "a failed connect left a session: $(srp list)"

# Only root and the daemon's own user may use the control socket.
if ((EUID == 0)); then
    chmod 711 "$scratch"; chmod 666 "$SRP_NBD_CONTROL"
    install -m 755 "$SRP_NBD" "$scratch/srp-nbd"  # other users may not have access to the build folder
    expect 5 "takes orders from root and uid 0, not from uid 65534" setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/srp-nbd" list
    chmod 600 "$SRP_NBD_CONTROL"
    expect 5 "no permission to talk to the daemon" setpriv --reuid 65534 --regid 65534 --clear-groups "$scratch/srp-nbd" list
    # The daemon refuses a folder in which other users could replace its socket.
    mkdir -m 777 "$scratch/open"
    expect 5 "others may write in $scratch/open" srp daemon --foreground --control "$scratch/open/s"
    chown 65534 "$scratch/open"
    expect 5 "belongs to uid 65534" srp daemon --foreground --control "$scratch/open/s"
    # The same for the sockets of exports, also where only a folder above is open.
    mkdir -m 777 "$scratch/shared"; mkdir -m 700 "$scratch/shared/inner"
    expect 5 "others may write in $scratch/shared" srp connect ram://1M --listen "unix:$scratch/shared/s"
    expect 5 "others may write in $scratch/shared" srp connect ram://1M --listen "unix:$scratch/shared/inner/s"
    expect 5 "belongs to uid 65534" srp connect ram://1M --listen "unix:$scratch/open/s"
    [[ -z $(find "$scratch/shared" "$scratch/open" -type s) ]] || fail "a refused folder has a socket"
    # The lock of another user's file could be held for ever.
    install -o 65534 -m 666 /dev/null "$scratch/theirs.lock"
    expect 5 "$scratch/theirs.lock belongs to uid 65534" srp daemon --foreground --control "$scratch/theirs"
fi

# The lock file is a regular file.
mkfifo "$scratch/fifo.lock"
expect 1 "$scratch/fifo.lock is not a regular file" timeout 10 "$SRP_NBD" daemon --foreground --control "$scratch/fifo"
echo precious > "$scratch/elsewhere"
ln -s "$scratch/elsewhere" "$scratch/link.lock"
expect 1 "$scratch/link.lock is a symbolic link" srp daemon --foreground --control "$scratch/link"
[[ $(cat "$scratch/elsewhere") == precious ]] || fail "a lock file was written through a link"

# What a stranger's text could do to a terminal or to the log is written in hexadecimal.
evil=$'\e[2J\ax\r'
is_plain() { ! LC_ALL=C grep -q '[[:cntrl:]]' "$1"; }
printf 'srp://%s:1/?id_ext=1&ioc_guid=2\n' "$evil" > "$scratch/list"
srp sync --dry-run "$scratch/list" > "$scratch/said" 2>&1 || true
grep -qF '\x1b[2J' "$scratch/said" || fail "the list's line is not quoted: $(cat -v "$scratch/said")"
is_plain "$scratch/said" || fail "the terminal gets: $(cat -v "$scratch/said")"
printf 'log_level = "info"\n"%s" = 1\n' '\u001b[2J\u0007x' > "$scratch/evil.toml"
"$SRP_NBD" daemon --foreground --control "$scratch/evil.sock" --config "$scratch/evil.toml" > "$scratch/said" 2>&1 && fail "an evil key is taken"
grep -qF '\x1b[2J' "$scratch/said" || fail "the key is not quoted: $(cat -v "$scratch/said")"
is_plain "$scratch/said" || fail "the terminal gets: $(cat -v "$scratch/said")"
expect 2 '\x1b[2J' srp connect "srp://$evil:1/?id_ext=1&ioc_guid=2" --listen "unix:$scratch/b.sock"
is_plain "$scratch/daemon.log" || fail "the log has: $(cat -v "$scratch/daemon.log")"

# A killed daemon leaves a stale socket; the next one replaces it.
kill -9 "$daemon_pid"; wait "$daemon_pid" 2>/dev/null || true
[[ -S $SRP_NBD_CONTROL ]] || fail "no stale socket to replace"
expect 3 "no daemon answers" srp list
start_daemon
expect 0 "no sessions" srp list
[[ $(stat -c %a "$SRP_NBD_CONTROL") == 600 ]] || fail "the control socket's mode is $(stat -c %a "$SRP_NBD_CONTROL")"
expect 0 "nbd+unix:///lun0" srp connect ram://1M --listen "unix:$scratch/a.sock"
stop_daemon
[[ ! -e $scratch/a.sock ]] || fail "the daemon left its NBD socket"
