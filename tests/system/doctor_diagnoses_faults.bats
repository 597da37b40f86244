#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl doctor reports each of several faults, with a remedy. weftd repairs most of them, so it is
# stopped (SIGSTOP) where it would do so before doctor runs.

load ../lib/bats

setup_file() {
	lab_open_for_file
	lab_overlay 2
	container_add host1 c11
	container_add host2 c21
}

teardown_file() { lab_down; }

# doctor exits with 1 if there is an error; the findings in its output are checked instead.
doctor() { weftctl_on host1 --json doctor || (($? == 1)); }

# finds STATE CHECK TEXT: doctor prints this finding, with a remedy unless STATE is ok.
finds() {
	local report
	report=$(doctor)
	jq -e --arg s "$1" --arg c "$2" --arg t "$3" 'any(.findings[];
		.state == $s and .check == $c and (.text | contains($t)) and
		((.remedy == "") == ($s == "ok")))' <<<"$report" >/dev/null || {
		jq -c '.findings[] | select(.state != "ok")' <<<"$report"
		return 1
	}
}

is_good() { doctor | jq -e '.healthy'; }

@test "a healthy node has no finding" {
	wait_for 15 is_good
	run -0 weftctl_on host1 doctor
	refute_line --regexp '^(error|warning) '
	local check
	for check in weftd sysctl network store lease uplink devices entries peers path containers addresses; do
		assert_line --regexp "^(ok|warning) +$check "
	done
	finds ok addresses '1 of 253'
	finds ok containers '1 attached'
	finds ok peers '1 usable, none refused'
}

@test "weftctl(8) has a table of the checks" {
	local check checks
	checks=$(cat "$WEFT_REPO"/ctl/doctor*.c | tr -d '\n\t' | grep -oP 'doctor_add_finding\([^"();]*"\K[a-z_0-9-]+' | sort -u)
	(($(wc -w <<<"$checks") >= 30))
	for check in $checks; do
		grep -qxF "|  $check" "$WEFT_REPO/docs/weftctl.8.scd" || fail "$check is not in the table"
	done
}

@test "the JSON output has the verdict, and check, network, state, text and remedy of each finding" {
	run doctor
	assert_json "$output" '(.healthy | type) == "boolean"'
	assert_json "$output" '.findings | length > 8 and all(.[];
		(keys == ["check", "network", "remedy", "state", "text"]))'
	assert_json "$output" '[.findings[] | select(.check == "lease")][0].network == "default"'
}

@test "leases that are refused, used in part, or invalid" {
	etcd_put 10.5.131.0-24 "$(flannel_value 192.168.0.131 0e:00:00:00:00:31 7)"
	etcd_put 10.5.132.0-24-meta '{}'
	etcd_put '10.5.133.0-24&fd00:5:133::-64' "$(flannel_value 192.168.0.133 0e:00:00:00:00:33)"
	wait_for 15 finds warning peers '10.5.131.0/24 () is refused: its VNI is 7'
	wait_for 15 finds warning keys '10.5.132.0-24-meta'
	wait_for 15 finds warning peers '10.5.133.0/24 () is used in one family only'
	run weftctl_on host1 --json status
	assert_json "$output" '.networks[0].peers | .single_family == 1 and .refused == 2'
	run weftctl_on host1 peers
	assert_output --partial 'used in one family only: '
	is_good # faults of other nodes are warnings
	etcd_del 10.5.131.0-24
	etcd_del 10.5.132.0-24-meta
	etcd_del '10.5.133.0-24&fd00:5:133::-64'
	wait_for 15 finds ok peers '1 usable, none'
}

@test "ip_forward, redirects, strict rp_filter" {
	local conf=/proc/sys/net/ipv4/conf
	weftd_stop host1 KILL # weftd would repair the sysctls
	ns_run host1 sysctl -qw net.ipv4.ip_forward=0
	finds error sysctl 'net.ipv4.ip_forward is 0'
	run -1 weftctl_on host1 doctor
	assert_line --partial '-> sysctl net.ipv4.ip_forward=1'
	ns_run host1 sysctl -qw net.ipv4.ip_forward=1
	ns_run host1 sh -c "echo 1 >$conf/all/send_redirects"
	finds warning sysctl 'net.ipv4.conf.all.send_redirects is 1'
	ns_run host1 sh -c "echo 0 >$conf/all/send_redirects; echo 1 >$conf/all/rp_filter"
	finds warning sysctl 'rp_filter is strict'
	ns_run host1 sh -c "echo 0 >$conf/all/rp_filter; echo 0 >$conf/$KERNEL_BRIDGE/rp_filter"
	finds ok sysctl 'forwarding is on'
	weftd_start host1
	weftd_ready host1
	wait_for 15 is_good
}

@test "files with secrets that every user can read" {
	local file=$LAB_DIR/password
	echo secret >"$file"
	chmod 644 "$file"
	weftd_stop host1
	weftd_start host1 --etcd-username weft --etcd-password-file "$file"
	weftd_ready host1
	run weftd_log host1 100
	assert_output --regexp "warn: other users can read a file with a secret option=--etcd-password-file file=$file remedy=\"chmod o= $file\""
	finds warning secrets "--etcd-password-file $file has a secret"
	run weftctl_on host1 status
	assert_line "--etcd-password-file: other users can read the file: $file"
	run weftctl_on host1 doctor
	assert_line --partial "-> chmod o= $file"
	chmod o= "$file"
	run ! finds warning secrets "--etcd-password-file $file has a secret"
	# The configuration file, if a password is in it.
	printf '{"etcd-username":"weft","etcd-password":"secret"}' >"$LAB_DIR/weftd.json"
	chmod 644 "$LAB_DIR/weftd.json"
	weftd_stop host1
	weftd_start host1 --config "$LAB_DIR/weftd.json"
	weftd_ready host1
	finds warning secrets "--config $LAB_DIR/weftd.json has a secret"
	weftd_stop host1
	weftd_start host1
	weftd_ready host1
}

@test "a container with the network's previous MTU" {
	ip -n "$LAB-c11" link set eth0 mtu 1440
	finds ok containers '1 attached'
	ip -n "$LAB-host1" link set "$(container_veth host1 c11)" mtu 9000
	ip -n "$LAB-c11" link set eth0 mtu 9000
	finds warning containers 'eth0 of c11 has MTU 9000, the network has 1450'
	ip -n "$LAB-c11" link set eth0 mtu 1450
	ip -n "$LAB-host1" link set "$(container_veth host1 c11)" mtu 1450
}

@test "a container that ended without a DEL, and an invalid record" {
	local records=$LAB_DIR/host1/run/attachments/default
	container_add host1 c12
	ns_del c12
	wait_for 15 finds warning containers '1 ended without a DEL'
	echo '{' >"$records/0123456789abcdef"
	finds warning containers '1 unreadable records'
	rm "$records/0123456789abcdef"
	cni_del host1 c12
	finds ok containers '1 attached'
}

@test "a network that weftd does not serve" {
	local dir=$LAB_DIR/host1/run/networks
	sed 's/"default"/"old"/' "$dir/default.json" >"$dir/old.json"
	finds warning files 'weftd does not serve this network'
	rm "$dir/old.json"
}

@test "an address pool that is nearly full" {
	local i key
	key=$(host_subnet host1) # a network with a subnet of 5 addresses, all in use
	sed "s/\"default\"/\"old\"/; s|\"subnet\":\"${key}\"|\"subnet\":\"${key%/24}/29\"|" \
		"$LAB_DIR/host1/run/networks/default.json" >"$LAB_DIR/host1/run/networks/old.json"
	jq -c '.plugins[0] + {name: "old", cniVersion: "1.0.0", network: "old"}' \
		"$LAB_DIR/host1/10-weft.conflist" >"$BATS_TEST_TMPDIR/conf"
	for i in 1 2 3 4 5; do
		ns_add "full$i"
		cni_exec ADD host1 "full$i" eth0 weft <"$BATS_TEST_TMPDIR/conf" >/dev/null
	done
	finds error addresses '5 of 5'
	for i in 1 2 3 4 5; do
		cni_exec DEL host1 "full$i" eth0 weft <"$BATS_TEST_TMPDIR/conf" >/dev/null
		ns_del "full$i"
	done
	rm "$LAB_DIR/host1/run/networks/old.json"
	wait_for 15 is_good
}

@test "ways to a peer that lose packets: a policy rule, a rule of another program, a small MTU" {
	local host1=$LAB-host1 to
	to=$(container_address host2 c21)
	wait_for 15 finds ok path 'no step of this node loses packets to 1 traced subnets'
	ip -n "$host1" route add 10.5.0.0/16 via "$LAB_GATEWAY" table 77
	ip -n "$host1" rule add from "$(container_address host1 c11)" lookup 77
	finds error path '(host2) are lost at the step route: no route to the subnet'
	ip -n "$host1" rule del lookup 77
	ns_run host1 nft "add table ip t; add chain ip t f { type filter hook forward priority 0; }
		add rule ip t f ip daddr ${to%.*}.0/24 drop"
	finds error path 'ip t f drops the packet at the hook forward'
	run -1 weftctl_on host1 doctor
	assert_line --regexp '-> nft delete rule ip t f handle [0-9]+$'
	ns_run host1 nft delete table ip t
	ip -n "$host1" route add 192.168.0.2/32 dev eth0 mtu lock 1300
	finds error path 'the path has 1300'
	ip -n "$host1" route del 192.168.0.2/32 dev eth0
	wait_for 15 is_good
}

# with_files DIRECTORY COMMAND...: runs it on host1 with the directory's files at their places below /.
with_files() {
	local from=$1
	shift
	# shellcheck disable=SC2016 # expanded by the inner shell
	ns_run host1 unshare --mount sh -c 'from=$1; shift
		for path in run/systemd run/NetworkManager etc/systemd/network etc/cni proc/sys/net/netfilter/nf_conntrack_max; do
			[ -e "$from/$path" ] || continue
			[ -e "/$path" ] || mkdir -p "/$path"
			mount --bind "$from/$path" "/$path" || exit
		done
		exec "$@"' sh "$from" "$@"
}

# finds, with the files of $FILES.
finds_with_files() {
	doctor() {
		with_files "$FILES" "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" --json doctor ||
			(($? == 1))
	}
	finds "$@"
}

index_on_host1() { cat_ns_link "$1" | jq '.[0].ifindex'; } # DEVICE
cat_ns_link() { ip -n "$LAB-host1" -json link show "$1"; }

@test "network managers that manage weft's devices" {
	local bridge vxlan networkd managers
	FILES=$BATS_TEST_TMPDIR/files
	networkd=$FILES/run/systemd/netif/links managers=$FILES/run/NetworkManager
	bridge=$(index_on_host1 "$KERNEL_BRIDGE") vxlan=$(index_on_host1 "$KERNEL_VXLAN")
	mkdir -p "$networkd" "$managers/devices" "$managers/system-connections"
	printf '# state\nADMIN_STATE=unmanaged\nOPER_STATE=routable\n' >"$networkd/$bridge"
	printf '[device]\nmanaged=true\nconnection-uuid=7\n' >"$managers/devices/$vxlan"
	printf '[connection]\nid=%s\n[.nmmeta]\nnm-generated=true\n' "$KERNEL_VXLAN" \
		>"$managers/system-connections/$KERNEL_VXLAN.nmconnection"
	run ! finds_with_files warning managers ''
	printf 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/all.network\n' >"$networkd/$bridge"
	finds_with_files warning managers \
		"systemd-networkd manages $KERNEL_BRIDGE (/etc/systemd/network/all.network)"
	rm "$managers/system-connections/$KERNEL_VXLAN.nmconnection"
	finds_with_files warning managers "NetworkManager manages $KERNEL_VXLAN (7)"
}

@test "files of systemd that would change weft's devices" {
	local network etc
	FILES=$BATS_TEST_TMPDIR/files
	etc=$FILES/etc/systemd/network
	mkdir -p "$FILES/run/systemd/netif" "$etc"
	cp conf/systemd-network/10-weft.* "$etc"
	printf '[Match]\nName=*\n[Network]\nDHCP=yes\n' >"$etc/99-all.network"
	run ! finds_with_files warning managers ''
	# The drop-in of a file that applies to other devices.
	mkdir "$etc/05-eth.network.d"
	printf '[Match]\nName=eth*\n' >"$etc/05-eth.network"
	printf '[Match]\nName=weft-*\n' >"$etc/05-eth.network.d/more.conf"
	network="/etc/systemd/network/05-eth.network with its drop-ins makes systemd-networkd manage"
	finds_with_files warning managers "$network $KERNEL_BRIDGE"
	finds_with_files warning managers "$network $KERNEL_VXLAN"
	rm -r "$FILES/run/systemd/netif" # without systemd-networkd
	run ! finds_with_files warning managers ''
	printf '[Match]\nKind=veth\n[Link]\nMACAddress=02:00:00:00:00:01\n' >"$etc/05-mac.link"
	finds_with_files warning managers "/etc/systemd/network/05-mac.link sets the MAC of containers' veths"
	ln -sf /dev/null "$etc/05-mac.link"
	run ! finds_with_files warning managers ''
}

@test "a CNI configuration that sorts before weft's" {
	local cni
	FILES=$BATS_TEST_TMPDIR/files
	cni=$FILES/etc/cni/net.d
	mkdir -p "$cni"
	cp "$LAB_DIR/host1/10-weft.conflist" "$cni"
	echo '{"type":"bridge"}' >"$cni/87-podman.conflist"
	echo '{"type":"bridge"}' >"$cni/05-old.conflist.bak"
	echo '{"type":"multus-shim"}' >"$cni/00-multus.conf"
	run ! finds_with_files warning cni ''
	echo '{"type":"flannel"}' >"$cni/10-flannel.conflist"
	rm "$cni/00-multus.conf"
	finds_with_files warning cni '/etc/cni/net.d/10-flannel.conflist'
	rm "$cni/10-weft.conflist" # weft is not used here
	run ! finds_with_files warning cni ''
}

@test "network policies without br_netfilter" {
	local switch=/proc/sys/net/bridge/bridge-nf-call-iptables
	ns_run host1 sh -c "! [ -e $switch ] || echo 0 >$switch"
	ns_run host1 nft 'add table ip k; add chain ip k KUBE-SERVICES; add chain ip k KUBE-NWPLCY-DEFAULT'
	run ! finds warning br_netfilter ''
	ns_run host1 nft add chain ip k KUBE-NWPLCY-7ABC
	finds warning br_netfilter 'net.bridge.bridge-nf-call-iptables is'
	ns_run host1 nft delete table ip k
}

@test "a connection table that is nearly full" {
	local max=proc/sys/net/netfilter/nf_conntrack_max
	FILES=$BATS_TEST_TMPDIR/files
	mkdir -p "$FILES/${max%/*}"
	echo 1 >"$FILES/$max"
	ns_run host1 ping -qc 1 "$LAB_GATEWAY" || true # an entry
	[[ $(ns_run host1 cat /proc/sys/net/netfilter/nf_conntrack_count) -gt 0 ]]
	finds_with_files warning conntrack 'of 1 entries'
}

@test "no space for weft's files" {
	finds_in_full_directory() {
		doctor() {
			ns_run host1 unshare --mount sh -c "mount -t tmpfs -o $FULL none $LAB_DIR/host1/run &&
				'$WEFT_BIN_DIR/weftctl' --run-dir $LAB_DIR/host1/run --json doctor" || (($? == 1))
		}
		finds "$@"
	}
	FULL=size=512k finds_in_full_directory warning space '512 KiB free'
	FULL=nr_inodes=2 finds_in_full_directory error space 'free inodes: containers cannot start'
}

@test "TCP segments with wrong checksums" {
	finds ok containers '1 attached'
	run ! finds warning checksum ''
	# Bad checksums of a packet socket, as from a card that computes them wrongly.
	ip netns exec "$LAB-c21" python3 - "$(container_address host2 c21)" \
		"$(container_address host1 c11)" <<-'EOF'
		import socket, struct, sys
		source, to = (socket.inet_aton(a) for a in sys.argv[1:])
		s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
		for i in range(50):
		    tcp = struct.pack("!HHIIBBHHH", 40000 + i, 9, 1, 0, 0x50, 2, 1024, 0xbad, 0)
		    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, 6, 0, source, to)
		    s.sendto(ip + tcp, (sys.argv[2], 0))
	EOF
	wait_for 5 finds warning checksum 'c11 received'
}

# weftd removes such an entry within a second: doctor runs at once.
finds_planted() { # TEXT COMMAND...
	local text=$1
	shift
	"$@" && finds warning stale "$text"
}

@test "entries of no peer" {
	wait_for 15 finds_planted '1 routes to subnets of no peer, first 10.5.140.0/24' \
		ip -n "$LAB-host1" route replace 10.5.140.0/24 via 10.5.140.0 dev "$KERNEL_BRIDGE" onlink proto 0x77
	wait_for 15 finds_planted '1 FDB entries with addresses of no peer, first 192.168.0.140' \
		bridge -n "$LAB-host1" fdb replace 0e:00:00:00:00:40 dev "$KERNEL_VXLAN" dst 192.168.0.140 self
	wait_for 15 has_no_stale_entry
}

has_no_stale_entry() { doctor | jq -e 'all(.findings[]; .check != "stale")'; }

@test "two hosts with one node id" {
	etcd_put 10.5.141.0-24 "$(etcd_value_of host2 | jq -c '.PublicIP = "192.168.0.141" |
		.BackendData.VtepMAC = "0e:00:00:00:00:41" | .Weft.Machine = "00000000000000aa"')"
	wait_for 15 finds warning identity 'have the same node id'
	etcd_del 10.5.141.0-24
	wait_for 15 finds ok peers '1 usable, none'
	run ! finds warning identity ''
}

@test "a tunnel that sends and receives nothing" {
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN" # resets its counters
	wait_for 15 is_good
	ns_run host2 nft 'add table ip t; add chain ip t o { type filter hook output priority 0; }
		add rule ip t o udp dport 8472 drop'
	run ip netns exec "$LAB-c11" ping -q -c 120 -i 0.01 -W 1 "$(container_address host2 c21)"
	assert_output --partial '100% packet loss'
	finds warning tunnel 'packets to peers, and none arrived'
	ns_run host2 nft delete table ip t
	ip netns exec "$LAB-c11" ping -q -c 1 -W 5 "$(container_address host2 c21)"
	wait_for 15 is_good
	run ! finds warning tunnel ''
}

@test "--probe: peers that answer, a path with a smaller MTU, and peers that do not answer" {
	finds_by_probe() {
		doctor() { weftctl_on host1 --json doctor --probe || (($? == 1)); }
		finds "$@"
	}
	wait_for 15 finds_by_probe ok probe '1 peers answer to packets of full size'
	run ! finds ok probe '' # nothing is sent without the option
	# A path that drops large packets without an ICMP error: 1450 - 50 with the outer headers.
	ns_run host2 nft 'add table ip t; add chain ip t p { type filter hook prerouting priority -400; }
		add rule ip t p udp dport 8472 meta length > 1450 drop'
	finds_by_probe error probe "(host2) are lost, of 1400 are answered"
	run -1 weftctl_on host1 doctor --probe
	assert_output --partial 'set Backend.MTU 50 lower'
	ns_run host2 nft flush chain ip t p
	ns_run host2 nft add rule ip t p udp dport 8472 drop
	finds_by_probe warning probe '(host2) does not answer through the tunnel'
	ns_run host2 nft delete table ip t
	finds_by_probe ok probe '1 peers answer'
	wait_for 15 is_good
}

@test "--watch prints the findings again when one has changed" {
	proc_start watch host1 "$WEFT_BIN_DIR/weftctl" --run-dir "$LAB_DIR/host1/run" doctor --watch
	wait_for 20 watched ' path '
	ns_run host1 nft 'add table ip t; add chain ip t o { type filter hook output priority 0; }
		add rule ip t o udp dport 8472 drop'
	wait_for 20 watched 'ip t o drops tunnel packets'
	ns_run host1 nft delete table ip t
	wait_for 20 watched 'no step of this node loses packets' 2
	proc_stop watch
	wait_for 15 is_good
}

watched() { (($(grep -c -e "$1" "$LAB_DIR/log/watch") >= ${2-1})); } # TEXT [TIMES]

@test "the store is unreachable, and the lease is about to expire" {
	etcd_stop KILL
	wait_for 30 finds error store 'unreachable for'
	etcd_start
	wait_for 30 finds ok store 'connected to'
}

@test "weftd is not running: findings name it, the devices, and the process that uses its port" {
	weftd_stop host1 KILL
	finds error weftd 'weftd is not running'
	finds ok devices 'weft-br1 and weft-vx1 are up, MTU 1450'
	ip -n "$LAB-host1" link set "$KERNEL_VXLAN" down
	finds error devices 'weft-vx1 is down'
	ip -n "$LAB-host1" link del "$KERNEL_VXLAN"
	finds error devices 'weft-vx1 does not exist'
	proc_start squatter host1 socat -u UDP4-RECV:8472 OPEN:/dev/null
	wait_for 10 port_is_taken
	weftd_start host1
	wait_for 20 finds error port "another program uses the tunnel's UDP port 8472"
	finds error network ''
	proc_stop squatter
	wait_for 60 is_good
	weftd_ready host1
}

port_is_taken() { ns_run host1 ss -Huan sport = :8472 | grep -q 8472; }

@test "a missing uplink, and one with too small an MTU" {
	kill -s STOP "$(weftd_pid host1)"
	# weftd does not respond: doctor still checks the node's devices.
	run -1 weftctl_on host1 doctor
	assert_output --partial 'no answer from weftd'
	assert_line --regexp '^ok +devices '
	kill -s CONT "$(weftd_pid host1)"
	etcd_config_of '"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.99.0","Backend":{"Type":"vxlan","MTU":1600}'
	wait_for 20 finds error uplink 'eth0 has MTU 1500; packets of 1550'
	etcd_config
	wait_for 20 is_good
	ip -n "$LAB-host1" route del default
	ip -n "$LAB-host1" link set eth0 down
	wait_for 20 finds error network ''
	ip -n "$LAB-host1" link set eth0 up
	ip -n "$LAB-host1" route add default via "$LAB_GATEWAY"
	wait_for 30 is_good
}
