#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# --network '*' with the file store: the networks of the file are served.

load ../lib/bats

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 1
	store_start '{"Network":"10.5.0.0/16","Backend":{"VNI":5}}'
	weftd_start host1 --network '*'
	weftd_ready host1
}

teardown_file() { lab_down; }

count_is() { # STATE NUMBER
	[[ $(weftctl_on host1 --json status | jq --arg s "$1" '[.networks[] | select(.state == $s)] | length') == "$2" ]]
}

@test "a network that is written into the file is served, and one that is removed ends" {
	store_file_edit '.networks.blue = {"config":{"Network":"10.6.0.0/16","Backend":{"VNI":6}}, "subnets":{}}'
	LAB_NETWORK=blue wait_for 20 weftd_is_ready host1
	store_file_edit 'del(.networks.blue)'
	wait_for 20 count_is ready 1
}

@test "a damaged file removes no network" {
	local before
	before=$(cat "$(store_file)")
	echo '{"config":' >"$(store_file)"
	wait_for 20 eval 'weftd_log host1 50 | grep "cannot list the networks"'
	count_is ready 0 || count_is ready 1
	weftctl_on host1 --json status | jq -e '.networks | length == 1'
	echo "$before" >"$(store_file)"
	wait_for 20 count_is ready 1
}

@test "twenty networks are served, and end together" {
	store_file_edit '.networks = (reduce range(100; 119) as $i ({};
		.["net\($i)"] = {config: {Network: "10.\($i).0.0/16", Backend: {VNI: $i}}}))'
	wait_for 60 count_is ready 20
	store_file_edit '.networks = {}'
	wait_for 60 eval 'weftctl_on host1 --json status | jq -e ".networks | length == 1"'
	count_is ready 1
}
