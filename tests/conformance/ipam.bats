#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2034,SC2030,SC2031 # bats sets what run has seen; suite.bash reads what tests set
#
# Which addresses are given, and which come back.

load suite

added() {
	run --separate-stderr add "$@"
	assert_success
}

last_byte() { jq -r '.ips[0].address | split("/")[0] | split(".")[3]' "$(cache_of "$1")"; }

@test "I1 addresses in turn, from the one after the last; never gateway, network, broadcast" {
	local n seen=()
	pool=small
	for ((n = 0; n < 11; n++)); do
		added c1
		seen+=("$(last_byte c1)")
		del c1
	done
	# The same five, in the same order, twice and once more the first.
	assert_equal "$(printf '%s\n' "${seen[@]}" | sort -u | xargs)" '2 3 4 5 6'
	assert_equal "${seen[*]:0:5}" "${seen[*]:5:5}"
	assert_equal "${seen[0]}" "${seen[10]}"
}

@test "I1 an address that is free again rests before it is given again" {
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

@test "I2 a place in the order that is damaged costs nothing but the order" {
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

# ranges_refused RANGES: no address of those that are given for the node's 10.x.y. as N.
ranges_refused() {
	local net
	net=$(plugin_gateway)
	run --separate-stderr add c1 ".ipam.ranges = ${1//N./${net%.*}.}"
	assert_failure
	assert_equal "$(jq -s length <<<"$output")" 1
	clean
}

@test "I3 a range with host bits in its subnet, or with nothing to give" {
	ranges_refused '[[{"subnet":"N.130/25"}]]'
	ranges_refused '[[{"subnet":"N.1/32"}]]'
}

@test "I4 a range that begins or ends outside its subnet, or before it begins" {
	ranges_refused '[[{"subnet":"N.0/25","rangeStart":"N.200"}]]'
	ranges_refused '[[{"subnet":"N.128/25","rangeEnd":"10.99.0.1"}]]'
	ranges_refused '[[{"subnet":"N.0/24","rangeStart":"N.20","rangeEnd":"N.10"}]]'
}

@test "I5 ranges that overlap, or are of two families" {
	pool=dual
	ranges_refused '[[{"subnet":"N.0/24","rangeEnd":"N.20"},{"subnet":"N.0/24","rangeStart":"N.20"}]]'
	ranges_refused '[[{"subnet":"N.0/24"},{"subnet":"fd00:5:1::/64"}]]'
}

@test "I6 IPv6 begins with ::2" {
	pool=dual
	added c1
	jq -r '.ips[1].address' "$(cache_of c1)" | grep -qE '^fd00:5:1::[2-9a-f]+/64$'
	assert_json "$(<"$(cache_of c1)")" '.ips[1].gateway == "fd00:5:1::1"'
}

@test "I7 what lies among the records and is nobody's is stepped over" {
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

@test "I7 an address whose record is a foreign file is not given" {
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

@test "I8 DEL of an id that nobody knows" {
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

@test "I10 a second ADD of the same interface: an error, no second record, no harm" {
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

@test "I11 several addresses that are asked for; one that cannot be had fails all, by name" {
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

@test "I12 a hundred ADDs at once: a hundred addresses" {
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

@test "I14 IPAM by the reference host-local and static, with ADD, CHECK, DEL" {
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

@test "I15 an ADD that fails after delegating runs the delegate's DEL" {
	fake_plugin noted "cat >/dev/null; echo \$CNI_COMMAND >>$LAB_DIR/cache/noted
		[[ \$CNI_COMMAND != ADD ]] || echo '{\"cniVersion\":\"1.0.0\",\"ips\":[{\"address\":\"10.5.1.9/24\"}],\"routes\":[{\"dst\":\"10.77.0.0/16\",\"gw\":\"192.0.2.1\"}]}'"
	run --separate-stderr add c1 '.ipam = {"type":"noted"}'
	assert_failure
	assert_equal "$(xargs <"$LAB_DIR/cache/noted")" 'ADD DEL'
	clean
}
