#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# weftd writes leases that flannel can read, and reads leases that flannel wrote.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
}

teardown_file() { lab_down; }

@test "the key matches flannel's regular expression" {
	run etcd_key_of host1
	assert_output --regexp '^10\.5\.[0-9]+\.0-24$'
	# pkg/subnet/subnet.go, applied to the whole key, as flannel does
	/usr/bin/python3 - "$ETCD_PREFIX/subnets/$output" <<'PY'
import re, sys
found = re.search(r"(\d+\.\d+.\d+.\d+)-(\d+)(?:&([a-f\d:]+)-(\d+))?$", sys.argv[1])
assert found, sys.argv[1]
assert found.group(1).endswith(".0") and found.group(2) == "24", found.groups()
PY
}

@test "the value matches flannel's schema" {
	etcd_value_of host1 >"$BATS_TEST_TMPDIR/value"
	/usr/bin/python3 - "$BATS_TEST_DIRNAME/flannel-lease.schema.json" "$BATS_TEST_TMPDIR/value" <<'PY'
import json, jsonschema, sys
schema, value = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.Draft7Validator.check_schema(schema)
jsonschema.validate(value, schema, format_checker=jsonschema.FormatChecker())
for wrong in ({**value, "PublicIP": None}, {**value, "BackendType": "udp"}, {**value, "BackendData": {}}):
    try:
        jsonschema.validate(wrong, schema)
    except jsonschema.ValidationError:
        continue
    sys.exit(f"the schema takes {wrong}")
PY
}

@test "the value has flannel's members in flannel's order, followed by weft's" {
	local mac='([0-9a-f]{2}:){5}[0-9a-f]{2}' uuid='[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'
	run etcd_value_of host1
	assert_output --regexp "^\{\"PublicIP\":\"192\.168\.0\.1\",\"PublicIPv6\":null,\
\"BackendType\":\"vxlan\",\"BackendData\":\{\"VNI\":1,\"VtepMAC\":\"$mac\"\},\
\"Weft\":\{\"Node\":\"$uuid\",\"Name\":\"host1\",\"MTU\":1450(,\"Machine\":\"[0-9a-f]{16}\")?\}\}\$"
}

@test "the VTEP MAC is a locally administered unicast address, and the devices have it" {
	local mac
	mac=$(etcd_value_of host1 | jq -r .BackendData.VtepMAC)
	[[ $mac =~ ^[0-9a-f][26ae]: ]]
	run ip -n "$LAB-host1" -j link show "$KERNEL_VXLAN"
	assert_json "$output" ".[0].address == \"$mac\""
	run ip -n "$LAB-host1" -j link show "$KERNEL_BRIDGE"
	assert_json "$output" ".[0].address == \"$mac\""
}

@test "the key is attached to an etcd lease with the configured TTL, which is kept alive without a write" {
	local key lease before
	key=$ETCD_PREFIX/subnets/$(etcd_key_of host1)
	before=$(etcd_ctl get "$key" -w fields)
	lease=$(sed -n 's/^"Lease" : //p' <<<"$before") # not with jq: it rounds large numbers
	run etcd_ctl lease timetolive "$(printf %x "$lease")"
	assert_output --partial "granted with TTL(${WEFT_TEST_LEASE_TTL}s)"
	# After more than the TTL the key is unchanged, and has no new revision.
	wait_for $((WEFT_TEST_LEASE_TTL + 10)) lease_outlived
	run etcd_ctl get "$key" -w fields
	assert_equal "$(grep -v -e Revision -e RaftTerm <<<"$output")" \
		"$(grep -v -e Revision -e RaftTerm <<<"$before")"
	assert_equal "$(grep -e ModRevision -e Version <<<"$output")" \
		"$(grep -e ModRevision -e Version <<<"$before")"
}

# Succeeds when an etcd lease that is not kept alive, granted at the first call, has expired.
lease_outlived() {
	local file=$BATS_TEST_TMPDIR/yardstick
	if [[ ! -e $file ]]; then
		etcd_ctl lease grant $((WEFT_TEST_LEASE_TTL + 3)) | awk '{ print $2 }' >"$file"
	fi
	etcd_ctl lease timetolive "$(<"$file")" | grep -q 'already expired'
}

@test "a flannel node's lease is a peer" {
	etcd_put 10.5.200.0-24 "$(flannel_value 192.168.0.77 0e:00:00:00:00:77)"
	kernel_settled host1 host2
	run kernel_have host1
	assert_line 'neigh 10.5.200.0 lladdr 0e:00:00:00:00:77 PERMANENT'
	assert_line 'fdb 0e:00:00:00:00:77 dst 192.168.0.77 self sticky static'
	etcd_del 10.5.200.0-24
	kernel_settled host1 host2
	run kernel_have host1
	refute_output --partial 0e:00:00:00:00:77
}

@test "a flannel lease with the node's own address is taken over with its subnet" {
	local lease subnet
	subnet=$(etcd_free_subnet)
	lab_host host3
	lease=$(etcd_ctl lease grant 600 | awk '{ print $2 }')
	etcd_put "$subnet-24" "$(flannel_value 192.168.0.3 0e:00:00:00:00:03)" --lease="$lease"
	weftd_start host3
	weftd_ready host3
	assert_equal "$(host_subnet host3)" "$subnet/24"
	assert_equal "$(etcd_key_of host3)" "$subnet-24"
	run etcd_value_of host3
	assert_output --partial '"Name":"host3"'
	kernel_settled host1 host2 host3
}

@test "a key without an etcd lease is a reservation and never expires" {
	local subnet
	subnet=$(etcd_free_subnet)
	lab_host host4
	etcd_put "$subnet-24" "$(flannel_value 192.168.0.4 0e:00:00:00:00:04)"
	weftd_start host4
	weftd_ready host4
	assert_equal "$(host_subnet host4)" "$subnet/24"
	run etcd_ctl get "$ETCD_PREFIX/subnets/$subnet-24" -w fields
	assert_line '"Lease" : 0'
	run weftctl_on host4 --json status
	assert_json "$output" '.networks[0].lease.reserved'
	kernel_settled host1 host4
}
