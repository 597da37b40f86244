#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl config check: the faults that weftd would find, before a configuration is stored. No lab:
# the command needs no weftd.

load ../lib/bats

check() { "$WEFT_BIN_DIR/weftctl" config check "$@"; }

@test "the examples of the documents and of the manifest are valid" {
	run -0 check - <<<'{"Network":"10.5.0.0/16"}'
	assert_output '-: valid'
	sed -n '/net-conf.json: |/,/^---\|^  [a-z]/p' "$WEFT_REPO/conf/kubernetes/weft.yaml" | sed '1d' |
		sed -n '/^    /p' >"$BATS_TEST_TMPDIR/net-conf.json"
	run -0 check "$BATS_TEST_TMPDIR/net-conf.json"
	assert_output --partial ': valid'
}

@test "every fault is printed with its path" {
	local file=$BATS_TEST_TMPDIR/net.json
	cat >"$file" <<-'END'
		{
		  "Network": "10.5.0.0/16",
		  "SubnetLen": 31,
		  "Backend": {"Type": "host-gw", "VNI": 0},
		  "Weft": {"LeaseTime": 5}
		}
	END
	run -1 check "$file"
	assert_line --partial 'error    Backend.Type: unsupported backend "host-gw"'
	assert_line --partial 'error    Backend.VNI: 0 is not'
	assert_line --partial 'error    SubnetLen: 31 is not from 18 to 30'
	assert_line 'warning  Weft.LeaseTime: unknown key'
	assert_line --index 4 "$file: weftd would reject it"

	run -1 check --json "$file"
	assert_json "$output" '.valid == false and (.findings | length) == 4'
	assert_json "$output" '[.findings[] | select(.severity == "error") | .path] | sort ==
		["Backend.Type", "Backend.VNI", "SubnetLen"]'
	assert_json "$output" '.findings[] | select(.path == "Weft.LeaseTime") | .severity == "warning"'
}

@test "malformed JSON has line and column" {
	local file=$BATS_TEST_TMPDIR/net.json
	printf '{\n  "Network": "10.5.0.0/16",\n}\n' >"$file"
	run -1 check "$file"
	assert_line --index 0 --partial "error    line 3, column 1: '}' where a key"
	run -1 check --json "$file"
	assert_json "$output" '.findings == [.findings[0]] and (.findings[0] | .line == 3 and .column == 1 and .path == "")'
}

@test "a document of the file store is checked for each network" {
	local document='{"config":{"Network":"10.5.0.0/16"},"networks":{"blue":{"config":{"Network":"127.0.0.0/8"}}}}'
	run -1 check - <<<"$document"
	assert_line --index 0 --partial 'error    networks.blue.config.Network: 127.0.0.0/8 overlaps 127.0.0.0/8 (loopback)'
	run -0 check --network default - <<<"$document"
	assert_output '-: valid'
	# A misspelt member, with which weftd would reject the document.
	run -1 check - <<<'{"config":{"Network":"10.5.0.0/16"},"subnet":{},"endpoints":5}'
	assert_line --index 0 --partial 'unknown key "subnet"; allowed are config, subnets, endpoints'
	assert_line --index 1 --partial 'error    endpoints: 5 is not an object'
}

@test "files that cannot be read, and wrong arguments, are named" {
	run -1 check "$BATS_TEST_TMPDIR/absent"
	assert_output --partial "cannot open $BATS_TEST_TMPDIR/absent: No such file or directory"
	run -2 check
	assert_output 'weftctl: usage: weftctl config check FILE'
	run -2 "$WEFT_BIN_DIR/weftctl" config verify x
	assert_output 'weftctl: usage: weftctl config check FILE'
	# A pipe is read to its end.
	run -0 check <(echo '{"Network":"10.5.0.0/16"}')
}

@test "terminal escapes in a configuration are not printed" {
	run -1 check - <<<'{"Network":"\u001b[31mred","\u001b[2J":1}'
	[[ $output != *$'\e'* ]]
	assert_line --partial 'Network: "\x1b[31mred" is not'
	assert_line --partial 'warning  \x1b[2J: unknown key'
}
