#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # bats sets what run has seen
#
# Debian's podman 4 with its CNI backend on two nodes: containers reach each other, a port
# is published through portmap, a container is started again, and nothing is left.

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

@test "a published port leads into the container, from its node and from others" {
	local from
	for from in net host2; do
		ns_run $from bash -c 'exec 3<>/dev/tcp/$1/8080; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3' \
			bash "$(host_address host1)" | grep 'from the container'
	done
	podman_on host2 exec b1 /bin/wget -q -O - "http://$(host_address host1):8080/" | grep 'from the container'
}

@test "a container that is started again is reached again" {
	podman_on host1 restart --time 0 a1
	podman_on host2 exec b1 /bin/ping -c 1 -W 2 "$(podman_address host1 a1)"
	podman_on host2 exec b1 /bin/wget -q -O - "http://$(host_address host1):8080/" | grep 'from the container'
	assert_equal "$(runtime_traces host1 | grep -c '/attachments/')" 1
}

@test "removed containers leave nothing on either node" {
	podman_on host1 rm --force --time 0 a1
	podman_on host2 rm --force --time 0 b1
	wait_for 5 runtime_clean host1
	wait_for 5 runtime_clean host2
}
