#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# Input and output of a plugin (CNI 1.1.0, "Execution Protocol").

load suite

# Runs the plugin with these environment variables only.
with_env() { # NAME=VALUE...
	ns_run host1 timeout -s KILL 20 env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin CNI_PATH="$WEFT_CNI_REFERENCE" "$@" \
		"$(plugin_program)"
}

without_input() { "$@" <&-; }

@test "P1 without CNI_COMMAND the plugin prints its name and versions on standard error" {
	run --separate-stderr with_env </dev/null
	assert_success
	assert_output ''
	[[ $stderr == *"CNI $CNI_PLUGIN plugin"*'CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0'* ]]
}

@test "P2 VERSION needs no standard input and no other variable, and lists all versions" {
	local versions='["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]'
	run --separate-stderr without_input env -i CNI_COMMAND=VERSION "$(plugin_program)"
	assert_success
	assert_json "$output" ".supportedVersions == $versions and (.cniVersion | length > 0)"
	run --separate-stderr env -i CNI_COMMAND=VERSION "$(plugin_program)" <<<'}garbage'
	assert_success
	assert_json "$output" ".supportedVersions == $versions"
}

@test "P3 an unknown command is refused" {
	run --separate-stderr call ERASE c1 < <(conf ADD c1)
	refused 4
	assert_output --partial ERASE
	clean
}

@test "P4 each missing variable is named" {
	local verb missing
	for verb in ADD CHECK DEL; do
		for missing in CNI_CONTAINERID CNI_NETNS CNI_IFNAME; do
			[[ $verb$missing != DELCNI_NETNS ]] || continue
			run --separate-stderr with_env CNI_COMMAND=$verb CNI_CONTAINERID=c1 CNI_IFNAME=eth0 \
				CNI_NETNS="$(ns_path c1)" $missing= < <(conf $verb c1)
			refused 4
			assert_output --partial "$missing"
		done
	done
	clean
}

@test "P5 several missing variables are named together" {
	run --separate-stderr with_env CNI_COMMAND=ADD < <(conf ADD c1)
	refused 4
	assert_output --partial 'CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME'
}

@test "P6 DEL without CNI_NETNS" {
	run --separate-stderr with_env CNI_COMMAND=DEL CNI_CONTAINERID=c1 CNI_IFNAME=eth0 < <(conf DEL c1)
	assert_success
	assert_output ''
}

@test "P7 a container id with invalid characters is refused" {
	local id
	for id in _c1 'c%1' c/1 'c 1' .c1; do
		run --separate-stderr call ADD c1 < <(conf ADD c1)
		refused 4
	done
	clean
}

@test "P8 an interface name that is invalid for the kernel is refused" {
	for ifname in sixteencharacter . .. a/b a:b 'a b' $'a\tb'; do
		run --separate-stderr call ADD c1 < <(conf ADD c1)
		refused 4
	done
	clean
}

@test "P9 an interface name of 15 characters is accepted" {
	ifname=fifteencharacte
	run --separate-stderr add c1
	assert_success
	ip_in c1 link show fifteencharacte
	del c1
	clean
}

@test "P10 standard input that is empty or not JSON is refused" {
	local text
	for text in '' '{' '{"cniVersion":"1.0.0","name":"net",}' 'null x' '[]'; do
		run --separate-stderr call ADD c1 <<<"$text"
		refused 6
	done
	clean
}

@test "P11 a closed standard input is an error" {
	run --separate-stderr without_input call ADD c1
	refused 5
	clean
}

@test "P12 a missing or invalid network name is refused" {
	local filter
	for filter in 'del(.name)' '.name = "a/b"' '.name = ".a"' '.name = "a b"'; do
		run --separate-stderr add c1 "$filter"
		refused 7
	done
	clean
}

@test "P13 an unknown version is refused" {
	run --separate-stderr add c1 '.cniVersion = "2.0.0"'
	refused 1
	assert_json "$output" '.details | test("2.0.0") and test("0.1.0") and test("1.0.0")'
	clean
}

@test "P14 the default version is 0.1.0" {
	run --separate-stderr add c1 'del(.cniVersion)'
	assert_success
	assert_json "$output" '.ip4.ip and (has("ips") | not)'
	del c1 'del(.cniVersion, .prevResult)'
	clean
}

@test "P15 an invalid version is refused" {
	local verb
	for verb in ADD CHECK DEL GC STATUS; do
		run --separate-stderr call $verb c1 < <(conf ADD c1 '.cniVersion = "adsf"')
		assert_failure
		assert_json "$output" '.code == 1 or .code == 6'
	done
	clean
}

@test "P16 a verb that the version lacks is refused" {
	run --separate-stderr call CHECK c1 < <(conf ADD c1 '.cniVersion = "0.3.1"')
	refused 1
	needs_version 1.1.0
	for verb in GC STATUS; do
		run --separate-stderr call $verb c1 < <(conf ADD c1 '.cniVersion = "1.0.0"')
		refused 1
	done
}

@test "P17 an error is one JSON document with cniVersion, code and msg" {
	run --separate-stderr add c1 '.mtu = "large"'
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	assert_json "$output" '.cniVersion == "1.0.0" and (.code | type == "number") and (.msg | type == "string")'
	clean
}

@test "P18 the host's own namespace is refused with one error document" {
	netns=$(ns_path host1)
	run --separate-stderr add c1
	refused 8
	netns=''
	clean
}

@test "P19 unknown keys are ignored" {
	run --separate-stderr add c1 '.capabilities = {"portMappings":true} | ."cni.dev/x" = [1]
		| .vendor = {"a":null} | .args = {"cni":{"labels":[{"key":"k","value":"v"}]},"other":1}
		| .runtimeConfig = {"cgroupPath":"/x","io.kubernetes.cri.pod-annotations":{"a":"b"},"aliases":{"net":["n"]}}'
	assert_success
	del c1
	clean
}

@test "P20 unknown keys in CNI_ARGS are ignored" {
	args='IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_INFRA_CONTAINER_ID=x;K8S_POD_UID=u;NERDCTL_CNI_DHCP_HOSTNAME=h'
	run --separate-stderr add c1
	assert_success
	del c1
	args='K8S_POD_NAME=pod;IgnoreUnknown=true;FOO=bar'
	run --separate-stderr add c1
	assert_success
	del c1
	clean
}

@test "P21 CNI_ARGS with an entry that is not KEY=VALUE is refused" {
	args='IgnoreUnknown=1;FOO'
	run --separate-stderr add c1
	refused 4
	clean
}

@test "P22 escape sequences, any order of keys, and integers of any size are accepted" {
	run --separate-stderr call ADD c1 < <(conf ADD c1 '.dns = {"search":["DOM"]}' |
		sed 's/"DOM"/"\\u003ca\\u0026b\\u003e"/; s/^{/{"a":12345678901234567890,"zz":-1.5e300,/')
	assert_success
	assert_json "$output" '.dns.search == ["<a&b>"]'
}

@test "P23 keys of runtimeConfig are case-insensitive" {
	run --separate-stderr add c1 '.runtimeConfig = {"PortMappings":[{"HostPort":8080,"ContainerPort":80,
		"Protocol":"tcp","HostIP":""}],"Mac":"02:11:22:33:44:55"}'
	assert_success
	assert_equal "$(mac_in c1)" 02:11:22:33:44:55
	del c1
	clean
}

@test "P24 a closed or full standard output is an error" {
	call ADD c1 < <(conf ADD c1) >/dev/full 2>/dev/null && fail 'ADD succeeds although its result is lost'
	clean
	call ADD c1 < <(conf ADD c1) >&- 2>/dev/null && fail 'ADD succeeds although its result is lost'
	clean
}
