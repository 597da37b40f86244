#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines
#
# Debian's podman 4 with its CNI backend on two nodes: containers reach each other, a port is
# published through portmap, a container is restarted, and nothing is left.

load ../lib/bats
# shellcheck source=tests/lib/runtime.bash
source "${BATS_TEST_DIRNAME}/../lib/runtime.bash"

setup_file() {
	lab_open_for_file
	lab_overlay 2
	runtime_rootfs
	echo 'from the container' >"$LAB_DIR/rootfs/www/index.html"
	runtime_host host1
	runtime_host host2
}

teardown_file() {
	local host
	for host in host1 host2; do
		podman_on $host rm --all --force --time 0 >/dev/null 2>&1 || true
	done
	lab_end_processes
	runtime_end_cgroups
	lab_down
}

@test "containers of two nodes start and reach each other" {
	podman_run host1 a1 --publish 8080:80 -- /bin/httpd -f -h /www
	podman_run host2 b1 -- /bin/sleep 1000
	podman_on host2 exec b1 /bin/ping -c 1 -W 2 "$(podman_address host1 a1)"
	podman_on host1 exec a1 /bin/ping -c 1 -W 2 "$(podman_address host2 b1)"
	ping_once host1 "$(podman_address host2 b1)"
}

@test "a published port reaches the container from its node and from other nodes" {
	local from
	for from in net host2; do
		ns_run $from bash -c 'exec 3<>/dev/tcp/$1/8080; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' \
			bash "$(host_address host1)" | grep 'from the container'
	done
	podman_on host2 exec b1 /bin/wget -q -O - "http://$(host_address host1):8080/" | grep 'from the container'
}

@test "a restarted container is reachable" {
	podman_on host1 restart --time 0 a1
	podman_on host2 exec b1 /bin/ping -c 1 -W 2 "$(podman_address host1 a1)"
	podman_on host2 exec b1 /bin/wget -q -O - "http://$(host_address host1):8080/" | grep 'from the container'
	assert_equal "$(runtime_traces host1 | grep -c '/attachments/')" 1
}

# weft_on HOST VERB: the plugin for the namespace c1 of the host's mounts.
weft_on() {
	jq -c '.plugins[0] + {name, cniVersion}' "$LAB_DIR/$1/10-weft.conflist" |
		on "$1" env CNI_COMMAND="$2" CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/c1 CNI_IFNAME=eth0 \
			CNI_PATH=/opt/cni/bin /opt/cni/bin/weft
}

# What docs/runtimes.md proposes for podman without CNI.
@test "a container starts in a namespace that the plugin has attached" {
	on host1 ip netns add c1
	run -0 weft_on host1 ADD
	assert_json "$output" '.ips | length == 1'
	podman_on host1 run --rm --network ns:/run/netns/c1 --cgroup-parent "/$LAB-host1" \
		--ulimit nofile=20000:20000 --ulimit nproc=1000:1000 --log-driver none \
		--rootfs "$LAB_DIR/rootfs" /bin/ping -c 3 -W 2 "$(podman_address host2 b1)"
	weft_on host1 DEL
	on host1 ip netns del c1
}

@test "removed containers leave nothing on either node" {
	podman_on host1 rm --force --time 0 a1
	podman_on host2 rm --force --time 0 b1
	wait_for 5 runtime_clean host1
	wait_for 5 runtime_clean host2
}
