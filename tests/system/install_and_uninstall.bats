#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# make install and make uninstall, with the test's own directory.

load ../lib/bats

make_weft() { make --no-print-directory -s -C "$WEFT_REPO" DESTDIR="$dest" "$@"; }

setup() { dest=$BATS_TEST_TMPDIR/root; }

@test "programs, unit, example, man pages and completions" {
	make_weft install
	[[ -x $dest/opt/cni/bin/weft && -x $dest/usr/local/sbin/weftd && -x $dest/usr/local/sbin/weftctl ]]
	run cat "$dest/usr/local/lib/systemd/system/weftd.service"
	assert_line 'ExecStart=/usr/local/sbin/weftd'
	refute_output --partial '@SBINDIR@'
	run jq -e '.plugins[0].type == "weft"' "$dest/usr/local/share/doc/weft/examples/10-weft.conflist"
	assert_success
	grep -q "^u weft " "$dest/usr/local/lib/sysusers.d/weft.conf"
	grep -q "^d /run/weft " "$dest/usr/local/lib/tmpfiles.d/weft.conf"
	[[ -f $dest/usr/local/lib/systemd/network/10-weft.link ]]
	[[ -f $dest/usr/local/lib/systemd/network/10-weft.network ]]
	[[ -f $dest/usr/lib/NetworkManager/conf.d/10-weft.conf ]]
	for name in weftd weftctl; do
		run bash -c 'source "$1" && complete -p "$2"' bash \
			"$dest/usr/local/share/bash-completion/completions/$name" "$name"
		assert_success
	done
	[[ -f $dest/usr/local/share/zsh/site-functions/_weftctl ]]
	[[ -f $dest/usr/local/share/fish/vendor_completions.d/weftctl.fish ]]
}

@test "programs and man pages have the version of the Makefile" {
	local version commit
	version=$(sed -n 's/^WEFT_VERSION := //p' "$WEFT_REPO/Makefile")
	commit=$("$WEFT_REPO/conf/build/commit.sh")
	commit=${commit:+" (commit $commit)"}
	make_weft install
	run "$dest/usr/local/sbin/weftd" --version
	assert_output "weftd $version$commit"
	run "$dest/usr/local/sbin/weftctl" version
	assert_line --partial "$version"
	run "$dest/opt/cni/bin/weft"
	assert_line "CNI weft plugin v$version$commit"
	for page in man5/weft-config.5 man8/weft.8 man8/weftd.8 man8/weftctl.8; do
		grep -q "\"weft $version\"" "$dest/usr/local/share/man/$page"
	done
}

@test "PREFIX and CNI_BIN_DIR set the directories" {
	make_weft install PREFIX=/usr CNI_BIN_DIR=/usr/lib/cni
	[[ -x $dest/usr/lib/cni/weft && -x $dest/usr/sbin/weftd ]]
	[[ -f $dest/usr/share/bash-completion/completions/weftd && -f $dest/usr/share/man/man8/weftd.8 ]]
	[[ ! -e $dest/opt && ! -e $dest/usr/local ]]
	run cat "$dest/usr/lib/systemd/system/weftd.service"
	assert_line 'ExecStart=/usr/sbin/weftd'
}

@test "the unit waits for READY=1, and the example orders docker after it" {
	local units=$BATS_TEST_TMPDIR/units
	make_weft install
	run cat "$dest/usr/local/lib/systemd/system/weftd.service"
	assert_line 'Type=notify'
	assert_line 'TimeoutStartSec=infinity'
	assert_line 'LimitCORE=0'
	mkdir -p "$units/docker.service.d"
	printf '[Service]\nExecStart=/bin/true\n' >"$units/docker.service"
	cp "$dest/usr/local/share/doc/weft/examples/docker-weft.conf" "$units/docker.service.d/weft.conf"
	sed 's|^ExecStart=.*|ExecStart=/bin/true|' "$WEFT_REPO/conf/weftd.service" >"$units/weftd.service"
	SYSTEMD_UNIT_PATH=$units: run systemd-analyze verify --man=no "$units/docker.service"
	refute_output --partial "$units"
	refute_output --partial weft
	# The shell command, as systemd passes it, takes only a number from the file.
	run sed -n "s/^ExecStart=.bin.sh -c '\(.*\)'\$/\1/p" "$units/docker.service.d/weft.conf"
	local script=${output//\$\$/\$}
	printf 'FLANNEL_MTU=1450; touch x\nLD_PRELOAD=/x\n' >"$BATS_TEST_TMPDIR/subnet.env"
	script=${script//\/run\/flannel/$BATS_TEST_TMPDIR}
	run -0 sh -c "${script/exec dockerd/echo}"
	assert_output --partial '--bridge weft-br1 --mtu 1450'
}

@test "a second install replaces the first, also while a program runs" {
	make_weft install
	"$dest/usr/local/sbin/weftd" --help >/dev/null
	make_weft install
	run find "$dest" -name '*.new'
	assert_output ''
}

@test "uninstall removes the installed files and no others" {
	make_weft install
	touch "$dest/opt/cni/bin/other"
	make_weft uninstall
	run find "$dest" -type f
	assert_output "$dest/opt/cni/bin/other"
}

@test "without a dependency make installs nothing, and names it and make deps" {
	run make_weft CJSON_SOURCE="$dest" BUILD="$BATS_TEST_TMPDIR/build"
	assert_failure
	assert_line "not found: $dest/cJSON.c"
	assert_output --partial 'sudo make deps'
	run find "$BATS_TEST_TMPDIR/build" -name '*.o'
	assert_output ''
}

# completes PROGRAM WORD...: the words that bash completion offers for the last one.
completes() (
	PATH=$WEFT_BIN_DIR:$PATH
	# shellcheck source=/dev/null
	source "$WEFT_REPO/conf/completion/$1.bash"
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	"_$1"
	printf '%s\n' "${COMPREPLY[@]}"
)

# The options of a man page's section OPTIONS, and the commands of COMMANDS.
documented() { # PAGE PATTERN
	sed -n '/^# \(COMMANDS\|OPTIONS\)/,/^# [^CO]/p' "$WEFT_REPO/docs/$1.8.scd" |
		sed -n "s/^\*\($2\)\*.*/\1/p" | sort
}

@test "bash completion of weftd offers the options that its man page has" {
	assert_equal "$(completes weftd - | sort)" "$(documented weftd '--\?[a-z0-9-]*')"
	assert_equal "$(completes weftd --store '')" $'etcd\nkubernetes\nfile:/'
	assert_equal "$(completes weftd --log-level = d)" debug
	assert_equal "$(completes weftd --ip-masq = '')" $'true\nfalse'
	assert_equal "$(completes weftd --ip-masq --ru)" --run-dir
	assert_equal "$(completes weftd --node-name '')" ''
}
