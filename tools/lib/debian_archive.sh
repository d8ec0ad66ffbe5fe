# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Where this machine's apt finds Debian's packages: a mirror that can be reached from here has other releases, too.

# debian_sources CODENAME: lines for apt's sources.list, or false when this machine uses no mirror of Debian.
debian_sources() {
    local codename=$1 uri keys=/usr/share/keyrings/debian-archive-keyring.gpg
    # shellcheck disable=SC2016  # apt's variable
    uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's|/$||' |
        grep -- '/debian$' | head -n 1)
    [[ -n $uri ]] || return 1
    # A mirror keeps the security archive beside the main one.
    printf 'deb [signed-by=%s] %s %s main\n' \
        "$keys" "$uri" "$codename" \
        "$keys" "$uri-security" "$codename-security"
}
