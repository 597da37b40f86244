#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # run sets output and lines; suite.bash reads the others
#
# Allocation and release of addresses.

load suite

added() {
	run --separate-stderr add "$@"
	assert_success
}

last_byte() { jq -r '.ips[0].address | split("/")[0] | split(".")[3]' "$(cache_of "$1")"; }

@test "I1 addresses are allocated round robin, never the gateway, network or broadcast address" {
	local n seen=()
	pool=small
	for ((n = 0; n < 11; n++)); do
		added c1
		seen+=("$(last_byte c1)")
		del c1
	done
	# The same five addresses in the same order, twice, and then the first again.
	assert_equal "$(printf '%s\n' "${seen[@]}" | sort -u | xargs)" '2 3 4 5 6'
	assert_equal "${seen[*]:0:5}" "${seen[*]:5:5}"
	assert_equal "${seen[0]}" "${seen[10]}"
}

@test "I1 a released address is not reallocated at once" {
	local n freed
	pool=small
	for n in 2 3 4; do
		ns_add c$n
		added c$n
	done
	freed=$(last_byte c3)
	del c3
	added c1
	[[ $(last_byte c1) != "$freed" ]]
}

@test "I2 a damaged allocation order does not affect ADD and DEL" {
	local file
	pool=small
	added c1
	del c1
	while IFS= read -r file; do
		printf '999.1.2.3\n\n\xff' >"$file"
	done < <(find "$LAB_DIR/host1/$PLUGIN_STATE" \( -name lock -o -name 'last_reserved_ip.*' \) -path "*small*" -size +0)
	added c1
	del c1
	clean
}

# ranges_refused RANGES: ADD refuses the ranges, in which N is the node's 10.x.y.
ranges_refused() {
	local net
	net=$(plugin_gateway)
	run --separate-stderr add c1 ".ipam.ranges = ${1//N./${net%.*}.}"
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	clean
}

@test "I3 a range whose subnet has host bits or no usable address is refused" {
	ranges_refused '[[{"subnet":"N.130/25"}]]'
	ranges_refused '[[{"subnet":"N.1/32"}]]'
}

@test "I4 a range outside its subnet, or that ends before its start, is refused" {
	ranges_refused '[[{"subnet":"N.0/25","rangeStart":"N.200"}]]'
	ranges_refused '[[{"subnet":"N.128/25","rangeEnd":"10.99.0.1"}]]'
	ranges_refused '[[{"subnet":"N.0/24","rangeStart":"N.20","rangeEnd":"N.10"}]]'
}

@test "I5 ranges that overlap or mix families are refused" {
	pool=dual
	ranges_refused '[[{"subnet":"N.0/24","rangeEnd":"N.20"},{"subnet":"N.0/24","rangeStart":"N.20"}]]'
	ranges_refused '[[{"subnet":"N.0/24"},{"subnet":"fd00:5:1::/64"}]]'
}

@test "I6 IPv6 addresses start at ::2" {
	pool=dual
	added c1
	jq -r '.ips[1].address' "$(cache_of c1)" | grep -qE '^fd00:5:1::[2-9a-f]+/64$'
	assert_json "$(<"$(cache_of c1)")" '.ips[1].gateway == "fd00:5:1::1"'
}

@test "I7 foreign files among the records are ignored and kept" {
	local dir
	added c1
	del c1
	dir=$(find "$LAB_DIR/host1/$PLUGIN_STATE" -name lock | grep -v -e small -e dual | head -n 1)
	dir=${dir%/*}
	touch "$dir/nonsense" "$dir/10.5.1.x" "$dir/.hidden"
	mkdir "$dir/subdirectory"
	added c1
	run --separate-stderr check c1
	assert_success
	del c1
	[[ -e $dir/nonsense && -d $dir/subdirectory ]]
	rm -rf "$dir/nonsense" "$dir/10.5.1.x" "$dir/.hidden" "$dir/subdirectory"
	clean
}

@test "I7 an address whose record is a foreign file is not allocated" {
	local dir n
	pool=small
	added c1
	del c1
	dir=$(find "$LAB_DIR/host1/$PLUGIN_STATE" -name lock -path '*small*' | head -n 1)
	dir=${dir%/*}
	for n in 2 3 4 5 6; do
		[[ $n == 4 ]] || echo foreign >"$dir/$(plugin_subnet | sed 's/0\/24$//')$n"
	done
	added c1
	assert_equal "$(last_byte c1)" 4
	del c1
	assert_equal "$(cat "$dir/$(plugin_subnet | sed 's/0\/24$//')3")" foreign
}

@test "I8 DEL of an unknown container id" {
	run --separate-stderr del unknown
	assert_success
	clean
}

@test "I9 two interfaces of one container are independent" {
	local first
	added c1
	first=$(address_of c1)
	ifname=eth1
	added c1
	[[ $(address_of c1) != "$first" ]]
	del c1
	ifname=eth0
	run --separate-stderr check c1
	assert_success
	reaches c1 "$(plugin_gateway)"
	del c1
	clean
}

@test "I10 a second ADD of the same interface fails and changes nothing" {
	local between
	added c1
	between=$(traces)
	run --separate-stderr call ADD c1 < <(conf ADD c1)
	assert_failure
	traces_are "$between"
	run --separate-stderr check c1
	assert_success
	reaches c1 "$(plugin_gateway)"
}

@test "I11 several requested addresses: ADD fails if one is not available, and names it" {
	local net
	net=$(plugin_subnet)
	net=${net%.*}
	pool=dual
	added c1 ".args.cni.ips = [\"$net.90\",\"fd00:5:1::90\"]"
	assert_equal "$(jq -c '[.ips[].address]' "$(cache_of c1)")" "[\"$net.90/24\",\"fd00:5:1::90/64\"]"
	del c1
	run --separate-stderr add c1 ".args.cni.ips = [\"$net.90\",\"192.0.2.9\"]"
	assert_failure
	assert_output --partial 192.0.2.9
	clean
}

@test "I12 100 concurrent ADDs allocate 100 addresses" {
	local n pids=()
	for ((n = 0; n < 100; n++)); do
		ns_add p$n
	done
	for ((n = 0; n < 100; n++)); do
		add p$n >"$BATS_TEST_TMPDIR/$n" 2>&1 3>&- &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		wait "$n" || fail "$(cat "$BATS_TEST_TMPDIR"/*)"
	done
	assert_equal "$(jq -r '.ips[0].address' "$LAB_DIR/cache/"* | sort -u | wc -l)" 100
	for ((n = 0; n < 100; n++)); do
		check p$n
	done
	for ((n = 0; n < 100; n++)); do
		del p$n
	done
	clean
}

@test "I14 ADD, CHECK and DEL with the reference IPAM plugins host-local and static" {
	added c1 "$(delegate)"
	assert_equal "$(address_of c1)" 10.5.1.200
	ls "$LAB_DIR/host1/$PLUGIN_STATE/delegate/net/10.5.1.200"
	run --separate-stderr check c1 "$(delegate)"
	assert_success
	rm "$LAB_DIR/host1/$PLUGIN_STATE/delegate/net/10.5.1.200"
	run --separate-stderr check c1 "$(delegate)"
	assert_failure
	run --separate-stderr del c1 "$(delegate)"
	assert_success
	clean
	added c1 '.ipam = {"type":"static","addresses":[{"address":"10.5.1.33/24","gateway":"10.5.1.1"}]}'
	assert_equal "$(address_of c1)" 10.5.1.33
	run --separate-stderr check c1 '.ipam = {"type":"static","addresses":[{"address":"10.5.1.33/24","gateway":"10.5.1.1"}]}'
	assert_success
	del c1 '.ipam = {"type":"static","addresses":[{"address":"10.5.1.33/24","gateway":"10.5.1.1"}]}'
	clean
}

@test "I15 an ADD that fails after the delegated ADD calls the delegate's DEL" {
	fake_plugin noted "cat >/dev/null; echo \$CNI_COMMAND >>$LAB_DIR/cache/noted
		[[ \$CNI_COMMAND != ADD ]] || echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.5.1.9/24\"}],\"routes\":[{\"dst\":\"10.77.0.0/16\",\"gw\":\"192.0.2.1\"}]}'"
	run --separate-stderr add c1 '.ipam = {"type":"noted"}'
	assert_failure
	assert_equal "$(xargs <"$LAB_DIR/cache/noted")" 'ADD DEL'
	clean
}
