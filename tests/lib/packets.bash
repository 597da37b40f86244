# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The source address of a connection as its receiver sees it, and forged frames in tunnel
# packets. Sourced by the bats files that need it.

# Starts a server for both families that responds with the source address of the connection.
witness_start() { # NAMESPACE [PORT]
	proc_start "witness-$1" "$1" socat "TCP6-LISTEN:${2-7},ipv6only=0,fork,reuseaddr" \
		"SYSTEM:echo \$SOCAT_PEERADDR" || return
	wait_for 10 witness_listens "$1" "${2-7}"
}

witness_listens() { ns_run "$1" ss -Hltn "sport = :$2" | grep -q .; }

# Prints the source address of a connection as the witness sees it. socat waits for the answer for -t
# seconds after its input has ended, by default half a second.
seen_as() { # NAMESPACE ADDRESS [PORT]
	local to=$2
	[[ $to != *:* ]] || to="[$to]"
	ns_run "$1" socat -t 10 -T 10 - "TCP:$to:${3-7},connect-timeout=3" </dev/null |
		tr -d '[]' | canonical
}

canonical() { # an address in weft's notation
	python3 -c 'import ipaddress, sys
a = ipaddress.ip_address(sys.stdin.read().strip())
print(getattr(a, "ipv4_mapped", None) or a)'
}

# Sends one frame in a VXLAN packet: a UDP datagram with TEXT for a container's port. With
# FORGE_TO=MAC, the packet is itself a frame to this MAC on eth0, and FROM need not be an address of
# the namespace; FORGE_AS=options or fragments adds IPv6 extension headers to it.
forge() { # NAMESPACE FROM TO VNI MAC SOURCE DESTINATION PORT TEXT [UDP-PORT]
	ns_run "$1" python3 - "${@:2}" <<'PYTHON'
import ipaddress, os, socket, struct, sys
src, dst, vni, mac, isrc, idst, port, text = sys.argv[1:9]
to_port = int(sys.argv[9]) if len(sys.argv) > 9 else 8472

def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data + b"\0") // 2), data + b"\0" * (len(data) % 2)))
    total = (total & 0xffff) + (total >> 16)
    return ~((total & 0xffff) + (total >> 16)) & 0xffff

def packed(address):
    return ipaddress.ip_address(address).packed

def ipv4(src, dst, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, 17, 0, packed(src), packed(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload

def ipv6(src, dst, kind, payload):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), kind, 64, packed(src), packed(dst)) + payload

def ipv6_packets(src, dst, udp, form):
    if form == "options":  # destination options (60) with padding
        return [ipv6(src, dst, 60, b"\x11\0\x01\x04\0\0\0\0" + udp)]
    if form == "fragments":  # 16 bytes first
        head = lambda more, offset: struct.pack("!BBHI", 17, 0, offset | more, 7)
        return [ipv6(src, dst, 44, head(1, 0) + udp[:16]), ipv6(src, dst, 44, head(0, 16) + udp[16:])]
    return [ipv6(src, dst, 17, udp)]

inner = struct.pack("!HHHH", 4242, int(port), 8 + len(text), 0) + text.encode()
frame = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x09" + b"\x08\0" + ipv4(isrc, idst, inner)
packet = struct.pack("!BxxxI", 8, int(vni) << 8) + frame
to = os.environ.get("FORGE_TO")
if not to:
    family = socket.AF_INET6 if ":" in dst else socket.AF_INET
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((src, 0))
    s.sendto(packet, (dst, to_port))
    sys.exit()
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
ether = bytes.fromhex(to.replace(":", "")) + s.getsockname()[4]
udp = struct.pack("!HHHH", 4242, to_port, 8 + len(packet), 0) + packet
if ":" in dst:
    pseudo = packed(src) + packed(dst) + struct.pack("!II", len(udp), 17)
    udp = udp[:6] + struct.pack("!H", checksum(pseudo + udp) or 0xffff) + udp[8:]
    packets = ipv6_packets(src, dst, udp, os.environ.get("FORGE_AS"))
else:
    packets = [ipv4(src, dst, udp)]
for packet in packets:
    s.send(ether + (b"\x86\xdd" if ":" in dst else b"\x08\0") + packet)
PYTHON
}

# Sends a UDP datagram with TEXT whose destination is the bridge's address, and that of a source route TO.
source_route() { # CONTAINER GATEWAY MAC TO PORT TEXT
	ns_run "$1" python3 - "${@:2}" <<'PYTHON'
import socket, struct, sys
gateway, mac, to, port, text = sys.argv[1:6]
probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
probe.connect((gateway, 9))
source = socket.inet_aton(probe.getsockname()[0])
udp = struct.pack("!HHHH", 4242, int(port), 9 + len(text), 0) + text.encode() + b"\n"
option = b"\x83\x07\x04" + socket.inet_aton(to) + b"\0"  # loose source route with one address
head = struct.pack("!BBHHHBBH4s4s", 0x47, 0, 28 + len(udp), 1, 0, 64, 17, 0, source,
                   socket.inet_aton(gateway)) + option
total = sum(struct.unpack("!14H", head))
total = (total & 0xffff) + (total >> 16)
head = head[:10] + struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff) + head[12:]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
sock.send(bytes.fromhex(mac.replace(":", "")) + sock.getsockname()[4] + b"\x08\0" + head + udp)
PYTHON
}

# Logs the datagrams that a container's UDP port receives.
receiver_start() { # CONTAINER PORT
	rm -f "$LAB_DIR/log/receiver-$1"
	proc_start "receiver-$1" "$1" socat -u "UDP4-RECV:$2" STDOUT || return
	wait_for 10 receiver_listens "$1" "$2"
}

receiver_listens() { ns_run "$1" ss -Hlun "sport = :$2" | grep -q .; }

received() { grep -q "$2" "$LAB_DIR/log/receiver-$1"; } # CONTAINER TEXT

# Packets that weftd's rules dropped: vtep_filter_drops, injection_drops or isolation_drops.
dropped() { # HOST WHAT
	weftctl_on "$1" --json status | jq -r ".rules.$2"
}

drops() { [[ $(dropped "$1" "$2") == "$3" ]]; } # HOST WHAT NUMBER

# Sends a router advertisement from a container, in a frame to MAC: a default route and the prefix
# 2001:db8:bad::/64.
advertise() { # NAMESPACE MAC [IFNAME]
	ns_run "$1" python3 - "$2" "${3-eth0}" <<'PYTHON'
import ipaddress, socket, struct, sys
mac, ifname = sys.argv[1:3]
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((ifname, 0x86dd))
own = s.getsockname()[4]
src, dst = (ipaddress.ip_address(a).packed for a in ("fe80::bad", "ff02::1"))
prefix = ipaddress.ip_address("2001:db8:bad::").packed
body = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + struct.pack("!BB6s", 1, 1, own) + \
    struct.pack("!BBBBIII16s", 3, 4, 64, 0xc0, 86400, 14400, 0, prefix)
data = src + dst + struct.pack("!II", len(body), 58) + body
total = sum(struct.unpack(f"!{len(data) // 2}H", data))
while total >> 16:
    total = (total & 0xffff) + (total >> 16)
body = body[:2] + struct.pack("!H", ~total & 0xffff) + body[4:]
packet = struct.pack("!IHBB16s16s", 6 << 28, len(body), 58, 255, src, dst) + body
s.send(bytes.fromhex(mac.replace(":", "")) + own + b"\x86\xdd" + packet)
PYTHON
}
