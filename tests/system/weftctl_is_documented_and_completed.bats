#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The help, the completion scripts and weftctl(8) have the same commands, arguments and options. No
# lab: no command of this file needs weftd.

load ../lib/bats

weftctl() { "$WEFT_BIN_DIR/weftctl" "$@"; }

commands() { weftctl help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'; }

# The options of the help of a command, or of all commands.
options() { weftctl help "$@" | sed -n 's/^  \(--[a-z-]*\).*/\1/p'; }

# Those that have a value.
value_options() { weftctl help | sed -n 's/^  \(--[a-z-]*\)[ =][A-Z].*/\1/p'; }

# The items of one section of the man page, without markup: "leave [--force]".
documented() { # SECTION
	sed -n "/^# $1\$/,/^# /p" "$WEFT_REPO/docs/weftctl.8.scd" |
		sed -n '/^\*/{s/[*_\\]//g; p}'
}

@test "weftctl(8) has each command with the arguments and options of its help" {
	local command
	for command in $(commands); do
		weftctl help "$command" | sed -n 's/^Usage: weftctl \[OPTION\.\.\.\] //p'
	done | sort >"$BATS_TEST_TMPDIR/help"
	assert_equal "$(documented COMMANDS | sort)" "$(<"$BATS_TEST_TMPDIR/help")"
}

@test "the help has blanks between each option and its description" {
	local options
	options=$(weftctl help | grep '^  --')
	run grep -vE '^  --[a-z-]+( [A-Z]+)? {2,}[^ ]' <<<"$options"
	assert_output ''
}

@test "weftctl(8) has each option of the help" {
	assert_equal "$(documented OPTIONS | sed 's/[ ,].*//' | sort)" "$(options | sort)"
}

@test "each option that the man pages name exists" {
	local command
	{
		"$WEFT_BIN_DIR/weftd" --help
		weftctl help
		for command in $(commands); do weftctl help "$command"; done
		# Options of etcd and of kube-controller-manager.
		echo --enable-grpc-gateway --listen-client-http-urls --allocate-node-cidrs
	} | grep -o -- '--[a-z][a-z-]*' | sort -u >"$BATS_TEST_TMPDIR/options"
	run comm -13 "$BATS_TEST_TMPDIR/options" \
		<(grep -h -o '\*--[a-z][a-z-]*' "$WEFT_REPO"/docs/*.scd | tr -d '*' | sort -u)
	assert_output ''
}

@test "an option of other commands is refused" {
	local option command value with_value
	with_value=" $(value_options | tr '\n' ' ')"
	for command in $(commands); do
		for option in $(comm -23 <(options | sort) <(options "$command" | sort)); do
			[[ $with_value != *" $option "* ]] || value=x
			run -2 weftctl "$command" "$option" ${value:+"$value"}
			assert_output "weftctl: option '$option' is not for command '$command'. Try 'weftctl --help'."
			value=
		done
	done
	run -2 weftctl status --force
	assert_output "weftctl: option '--force' is not for command 'status'. Try 'weftctl --help'."
}

@test "the installed completion scripts are those that weftctl prints" {
	local shell
	for shell in bash zsh fish; do
		weftctl completion "$shell" | diff -u "$WEFT_REPO/conf/completion/weftctl.$shell" -
	done
	run -2 weftctl completion tcsh
	assert_output --partial "use bash, zsh or fish"
}

# in_bash WORD...: the words that bash offers for the last one.
in_bash() (
	# shellcheck source=/dev/null
	source "$WEFT_REPO/conf/completion/weftctl.bash"
	COMP_WORDS=(weftctl "$@")
	COMP_CWORD=$#
	# shellcheck disable=SC2317 # called by the script
	compopt() { :; }
	_weftctl
	printf '%s\n' "${COMPREPLY[@]}"
)

# in_fish TEXT: the words that fish offers at the end of the command line.
in_fish() {
	HOME=$BATS_TEST_TMPDIR fish --no-config --command \
		"source '$WEFT_REPO/conf/completion/weftctl.fish'; complete -C 'weftctl $1'" | cut -f 1
}

@test "bash offers commands, and the options and arguments of a command" {
	local command
	assert_equal "$(in_bash '' | sort)" "$(commands | sort)"
	assert_equal "$(in_bash help le)" $'leases\nleave'
	for command in $(commands); do
		assert_equal "$(in_bash "$command" - | sort)" "$(options "$command" | sort)"
	done
	assert_equal "$(in_bash status --n)" --network
	assert_equal "$(in_bash status '')" ''
	assert_equal "$(in_bash --network leave '' | sort)" "$(commands | sort)"
	assert_equal "$(in_bash completion '')" $'bash\nzsh\nfish'
}

@test "fish offers commands, and the options and arguments of a command" {
	local command
	assert_equal "$(in_fish '' | sort)" "$(commands | sort)"
	for command in $(commands); do
		assert_equal "$(in_fish "$command --" | sort)" "$(options "$command" | sort)"
	done
	assert_equal "$(in_fish 'completion ' | sort)" $'bash\nfish\nzsh'
	assert_equal "$(in_fish 'status ')" ''
}

# in_zsh WORD...: the words that zsh offers for the last one. _arguments and _describe, which run
# in the line editor only, are replaced by functions that print their arguments.
in_zsh() {
	zsh -f -c '
		_arguments() {
			[[ $1 == -C ]] && { (($#words > 2)) && state=argument || state=command
				[[ $state == argument ]] && words=("${(@)words[2,-1]}")
				return 0; }
			print -l -- "$@"
		}
		_describe() { print -l -- "${(@P)2}" }
		words=(weftctl "$@")
		source "$0"' "$WEFT_REPO/conf/completion/weftctl.zsh" "$@"
}

@test "zsh offers commands, and the options and arguments of a command" {
	local command
	assert_equal "$(in_zsh '' | sed 's/:.*//' | sort)" "$(commands | sort)"
	for command in $(commands); do
		[[ $command != help ]] || continue
		assert_equal "$(in_zsh "$command" '' | sed -n 's/^\(--[a-z-]*\).*/\1/p' | sort)" \
			"$(options "$command" | sort)"
	done
	run in_zsh completion ''
	assert_line '1:argument:(bash zsh fish)'
}
