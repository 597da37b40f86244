#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make install and make uninstall, into a directory of the test's own.

load ../lib/bats

make_weft() { make --no-print-directory -s -C "$WEFT_REPO" DESTDIR="$dest" "$@"; }

setup() { dest=$BATS_TEST_TMPDIR/root; }

@test "programs, unit, example and man pages" {
	make_weft install
	[[ -x $dest/opt/cni/bin/weft && -x $dest/usr/local/sbin/weftd && -x $dest/usr/local/sbin/weftctl ]]
	run cat "$dest/usr/local/lib/systemd/system/weftd.service"
	assert_line 'ExecStart=/usr/local/sbin/weftd'
	refute_output --partial '@SBINDIR@'
	run jq -e '.plugins[0].type == "weft"' "$dest/usr/local/share/doc/weft/examples/10-weft.conflist"
	assert_success
	grep -q "^u weft " "$dest/usr/local/lib/sysusers.d/weft.conf"
	run "$dest/usr/local/sbin/weftd" --version
	assert_success
	run "$dest/usr/local/sbin/weftctl" version
	assert_success
}

@test "PREFIX and CNI_BIN_DIR are heeded" {
	make_weft install PREFIX=/usr CNI_BIN_DIR=/usr/lib/cni
	[[ -x $dest/usr/lib/cni/weft && -x $dest/usr/sbin/weftd ]]
	[[ ! -e $dest/opt && ! -e $dest/usr/local ]]
	run cat "$dest/usr/lib/systemd/system/weftd.service"
	assert_line 'ExecStart=/usr/sbin/weftd'
}

@test "a second install goes over the first, also over a program that runs" {
	make_weft install
	"$dest/usr/local/sbin/weftd" --help >/dev/null
	make_weft install
	run find "$dest" -name '*.new'
	assert_output ''
}

@test "uninstall takes away what install put there, and nothing else" {
	make_weft install
	touch "$dest/opt/cni/bin/other"
	make_weft uninstall
	run find "$dest" -type f
	assert_output "$dest/opt/cni/bin/other"
}
