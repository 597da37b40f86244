#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016 # run sets output and lines; jq has variables, too
#
# Debian's docker on two hosts, as docs/runtimes.md shows it: an L2 network joins the bridges of docker's
# networks. Containers of both hosts reach each other by ARP.

load ../lib/bats
# shellcheck source=tests/lib/runtime.bash
source "${BATS_TEST_DIRNAME}/../lib/runtime.bash"

setup_file() {
	lab_open_for_file
	LAB_UNDERLAY=4 lab_hosts 2
	store_start '{"Network":"172.18.0.0/16","Backend":{"VNI":200},"Weft":{"Mode":"l2","Bridge":"br-lan"}}'
	runtime_rootfs
	for host in host1 host2; do
		weftd_start "$host"
		runtime_host "$host"
		docker_start "$host"
		docker_image "$host" box
		wait_for 20 range_of "$host"
		docker_on "$host" network create --subnet 172.18.0.0/16 --ip-range "$(range_of "$host")" \
			-o com.docker.network.bridge.name=br-lan -o com.docker.network.driver.mtu=1450 lan
	done
	weftd_ready host1 host2
}

teardown_file() {
	local host
	for host in host1 host2; do
		docker_stop "$host" || true
	done
	lab_end_processes
	runtime_end_cgroups
	lab_down
}

range_of() { weftctl_on "$1" --json status | jq -e -r '.networks[0].lease.subnet'; } # HOST
endpoints_are() { weftctl_on "$1" --json status | jq -e ".networks[0].endpoints | $2"; } # HOST EXPRESSION

# The bridge and a number of containers of each host.
announced() { # NUMBER
	local host
	for host in host1 host2; do
		wait_for 20 endpoints_are "$host" ".announced == $1 + 1 and .remote == $1 + 1" || return
		wait_for 20 entries_are "$host" $(($1 + 1)) || return
	done
}

entries_are() { (($(ip -n "$LAB-$1" neigh show dev br-lan nud permanent | wc -l) == $2)); } # HOST NUMBER

ping_from() { docker_on "$1" exec "$2" ping -c 1 -W 2 "$3"; } # HOST CONTAINER ADDRESS

@test "containers of docker on two hosts reach each other" {
	docker_run host1 a1 -- sleep 1000
	docker_run host2 b1 -- httpd -f -h /www
	announced 1
	proc_start wire host2 tcpdump -n -e -l -i weft-vx200 -Q in
	wait_for 10 grep -q 'listening on' "$LAB_DIR/log/wire"
	ping_from host1 a1 "$(docker_address host2 b1)"
	ping_from host2 b1 "$(docker_address host1 a1)"
	docker_on host1 exec a1 ip neigh show "$(docker_address host2 b1)" | grep -F 02:42:
	wait_for 10 grep -q 'ICMP echo request' "$LAB_DIR/log/wire"
	proc_stop wire INT
	run grep -F 'ff:ff:ff:ff:ff:ff' "$LAB_DIR/log/wire"
	assert_output ''
}

@test "full-size segments and the hosts' own connections pass, and doctor finds no error" {
	head -c 3000000 /dev/urandom >"$LAB_DIR/rootfs/www/file"
	docker_on host2 cp "$LAB_DIR/rootfs/www/file" b1:/www/file
	docker_on host1 exec a1 wget -q -O /file "http://$(docker_address host2 b1)/file"
	docker_on host1 cp a1:/file "$BATS_TEST_TMPDIR/file"
	cmp "$LAB_DIR/rootfs/www/file" "$BATS_TEST_TMPDIR/file"
	ping_once host1 "$(docker_address host2 b1)"
	run weftctl_on host1 --json doctor
	jq '.findings[] | select(.state == "error")' <<<"$output"
	jq -e '[.findings[] | select(.state == "error")] == []' <<<"$output"
}

@test "a container that is replaced is reached with its address" {
	local address
	address=$(docker_address host2 b1)
	docker_on host2 rm --force b1
	wait_for 20 endpoints_are host1 '.remote == 1'
	docker_run host2 b2 --ip "$address" -- sleep 1000
	announced 1
	ping_from host1 a1 "$address"
	ping_from host2 b2 "$(docker_address host1 a1)"
}

@test "restarts of docker and of weftd keep the containers connected" {
	docker_on host2 restart --time 0 b2
	wait_for 20 ping_from host1 a1 "$(docker_address host2 b2)"
	weftd_stop host1
	ping_from host2 b2 "$(docker_address host1 a1)"
	weftd_start host1
	weftd_ready host1
	announced 1
	ping_from host1 a1 "$(docker_address host2 b2)"
}

@test "docker removes its network, and makes it again" {
	docker_on host2 rm --force b2
	docker_on host2 network rm lan
	wait_for 20 endpoints_are host1 '.remote == 0'
	docker_on host2 network create --subnet 172.18.0.0/16 --ip-range "$(range_of host2)" \
		-o com.docker.network.bridge.name=br-lan -o com.docker.network.driver.mtu=1450 lan
	docker_run host2 b3 -- sleep 1000
	announced 1
	wait_for 20 ping_from host1 a1 "$(docker_address host2 b3)"
}
