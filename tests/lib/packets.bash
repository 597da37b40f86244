# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Packets as their receiver sees them: who sent a connection, and frames in a tunnel's packet that
# no weftd has made. Sourced by the bats files that need it.

# Answers connections, in any family, with the address that they come from.
witness_start() { # NAMESPACE [PORT]
	proc_start "witness-$1" "$1" socat "TCP6-LISTEN:${2-7},ipv6only=0,fork,reuseaddr" \
		"SYSTEM:echo \$SOCAT_PEERADDR" || return
	wait_for 10 witness_listens "$1" "${2-7}"
}

witness_listens() { ns_run "$1" ss -Hltn "sport = :$2" | grep -q .; }

# The address under which the witness saw us.
seen_as() { # NAMESPACE ADDRESS [PORT]
	local to=$2
	[[ $to != *:* ]] || to="[$to]"
	ns_run "$1" socat -T 3 - "TCP:$to:${3-7},connect-timeout=3" </dev/null |
		tr -d '[]' | canonical
}

canonical() { # an address as weft writes it
	python3 -c 'import ipaddress, sys
a = ipaddress.ip_address(sys.stdin.read().strip())
print(getattr(a, "ipv4_mapped", None) or a)'
}

# Sends one frame in a VXLAN packet, with TEXT in it for a
# container's UDP port.
forge() { # NAMESPACE FROM TO VNI MAC SOURCE DESTINATION PORT TEXT
	ns_run "$1" python3 - "${@:2}" <<'PYTHON'
import ipaddress, socket, struct, sys
src, dst, vni, mac, isrc, idst, port, text = sys.argv[1:9]
udp = struct.pack("!HHHH", 4242, int(port), 8 + len(text), 0) + text.encode()
head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
    ipaddress.ip_address(isrc).packed, ipaddress.ip_address(idst).packed)
total = sum(struct.unpack("!10H", head))
total = (total & 0xffff) + (total >> 16)
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack("!H", ~total & 0xffff) + head[12:]
frame = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x09" + b"\x08\0" + head + udp
packet = struct.pack("!BxxxI", 8, int(vni) << 8) + frame
family = socket.AF_INET6 if ":" in dst else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM)
s.bind((src, 0))
s.sendto(packet, (dst, 8472))
PYTHON
}

# Writes down what comes to a container's UDP port.
ear_start() { # CONTAINER PORT
	rm -f "$LAB_DIR/log/ear-$1"
	proc_start "ear-$1" "$1" socat -u "UDP4-RECV:$2" STDOUT || return
	wait_for 10 ear_listens "$1" "$2"
}

ear_listens() { ns_run "$1" ss -Hlun "sport = :$2" | grep -q .; }

heard() { grep -q "$2" "$LAB_DIR/log/ear-$1"; } # CONTAINER TEXT

# What weftd's rules have dropped: guarded, or apart.
dropped() { # HOST WHAT
	weftctl_on "$1" --json status | jq -r ".rules.$2"
}

drops() { [[ $(dropped "$1" "$2") == "$3" ]]; } # HOST WHAT NUMBER
