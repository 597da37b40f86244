/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor BRIDGE HOST-NAME IFNAME NETNS ADDRESS/LEN GATEWAY [ADDRESS6/LEN GATEWAY6]: the minimum of
 * an ADD: creates the same kernel objects as weft, from constants over raw netlink, without a
 * library, an address pool, a record, a check or a result. Statically linked. tests/bench/run.sh
 * divides the time of weft's ADD by it. Deleting the container's interface undoes it.
 *
 * Objects: a veth pair, the host's end up and in the bridge with hairpin, the container's end
 * up with its addresses and default routes, lo up. Waits until the bridge port forwards.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buf[8192];
static struct nlmsghdr *msg;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void begin(int type, int flags, const void *header, size_t size)
{
	memset(buf, 0, 1024);
	msg = (struct nlmsghdr *)buf;
	msg->nlmsg_type = (uint16_t)type;
	msg->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	msg->nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
	memcpy(NLMSG_DATA(msg), header, size);
}

static struct rtattr *put(int type, const void *data, size_t size)
{
	struct rtattr *attr = (struct rtattr *)(buf + NLMSG_ALIGN(msg->nlmsg_len));

	attr->rta_type = (uint16_t)type;
	attr->rta_len = (uint16_t)RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(attr), data, size);
	msg->nlmsg_len = NLMSG_ALIGN(msg->nlmsg_len) + (uint32_t)RTA_ALIGN(attr->rta_len);
	return attr;
}

static void put_u32(int type, uint32_t value)
{
	put(type, &value, sizeof(value));
}

static void end(struct rtattr *nest)
{
	nest->rta_len = (uint16_t)(buf + msg->nlmsg_len - (char *)nest);
}

static int open_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		die("socket");
	return fd;
}

/* Sends the message, and reads the response into buf. */
static void request(int fd, const char *what)
{
	ssize_t size;

	if (!(msg->nlmsg_flags & NLM_F_ACK) && msg->nlmsg_type != RTM_GETLINK)
		die(what);
	if (send(fd, buf, msg->nlmsg_len, 0) < 0)
		die(what);
	size = recv(fd, buf, sizeof(buf), 0);
	if (size < 0)
		die(what);
	if (msg->nlmsg_type == NLMSG_ERROR && ((struct nlmsgerr *)NLMSG_DATA(msg))->error) {
		fprintf(stderr, "%s: %s\n", what,
			strerror(-((struct nlmsgerr *)NLMSG_DATA(msg))->error));
		exit(1);
	}
}

static void make_pair(int fd, unsigned bridge, const char *host_name, const char *ifname, int netns)
{
	const struct ifinfomsg info = { .ifi_flags = IFF_UP, .ifi_change = IFF_UP }, none = { 0 };
	static const unsigned char mac[2][6] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
	struct rtattr *outer, *data, *peer;

	begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	put(IFLA_IFNAME, host_name, strlen(host_name) + 1);
	put(IFLA_ADDRESS, mac[0], 6);
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_MASTER, bridge);
	put_u32(IFLA_NUM_TX_QUEUES, 1);
	put_u32(IFLA_NUM_RX_QUEUES, 1);
	outer = put(IFLA_LINKINFO, NULL, 0);
	put(IFLA_INFO_KIND, "veth", 5);
	data = put(IFLA_INFO_DATA, NULL, 0);
	peer = put(VETH_INFO_PEER, &none, sizeof(none));
	put(IFLA_IFNAME, ifname, strlen(ifname) + 1);
	put_u32(IFLA_NUM_TX_QUEUES, 1);
	put_u32(IFLA_NUM_RX_QUEUES, 1);
	put(IFLA_ADDRESS, mac[1], 6);
	put_u32(IFLA_MTU, 1450);
	put_u32(IFLA_NET_NS_FD, (uint32_t)netns);
	end(peer);
	end(data);
	end(outer);
	request(fd, "veth");
}

static void set_up(int fd, unsigned index)
{
	const struct ifinfomsg info = { .ifi_index = (int)index,
					.ifi_flags = IFF_UP,
					.ifi_change = IFF_UP };

	begin(RTM_SETLINK, NLM_F_ACK, &info, sizeof(info));
	request(fd, "up");
}

static void set_hairpin(int fd, unsigned index)
{
	const struct ifinfomsg info = { .ifi_family = AF_BRIDGE, .ifi_index = (int)index };
	struct rtattr *nest;
	const uint8_t on = 1;

	begin(RTM_SETLINK, NLM_F_ACK, &info, sizeof(info));
	nest = put(IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
	put(IFLA_BRPORT_MODE, &on, 1);
	end(nest);
	request(fd, "hairpin");
}

/* Returns the state of the bridge port; also sets the index of the container's interface. */
static int port_state(int fd, unsigned index, unsigned *peer_out)
{
	const struct ifinfomsg info = { .ifi_index = (int)index };
	int state = -1, left;

	begin(RTM_GETLINK, 0, &info, sizeof(info));
	request(fd, "port");
	left = (int)IFLA_PAYLOAD(msg);
	for (struct rtattr *a = IFLA_RTA(NLMSG_DATA(msg)); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_LINK)
			memcpy(peer_out, RTA_DATA(a), sizeof(*peer_out));
		if ((a->rta_type & NLA_TYPE_MASK) != IFLA_LINKINFO)
			continue;
		int in = (int)RTA_PAYLOAD(a);
		for (struct rtattr *b = RTA_DATA(a); RTA_OK(b, in); b = RTA_NEXT(b, in)) {
			if ((b->rta_type & NLA_TYPE_MASK) != IFLA_INFO_SLAVE_DATA)
				continue;
			int deep = (int)RTA_PAYLOAD(b);
			for (struct rtattr *c = RTA_DATA(b); RTA_OK(c, deep); c = RTA_NEXT(c, deep))
				if ((c->rta_type & NLA_TYPE_MASK) == IFLA_BRPORT_STATE)
					state = *(uint8_t *)RTA_DATA(c);
		}
	}
	return state;
}

static void give_address(int fd, unsigned index, char *address, const char *gateway)
{
	char *slash = strchr(address, '/');
	const int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	const size_t size = family == AF_INET6 ? 16 : 4;
	unsigned char addr[16], gw[16];
	struct ifaddrmsg info = { .ifa_family = (uint8_t)family, .ifa_index = index };
	const struct rtmsg route = { .rtm_family = (uint8_t)family,
				     .rtm_table = RT_TABLE_MAIN,
				     .rtm_protocol = RTPROT_STATIC,
				     .rtm_type = RTN_UNICAST };

	*slash = '\0';
	info.ifa_prefixlen = (uint8_t)strtol(slash + 1, NULL, 10);
	info.ifa_flags = IFA_F_NODAD;
	if (inet_pton(family, address, addr) != 1 || inet_pton(family, gateway, gw) != 1)
		die("address");
	begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &info, sizeof(info));
	put(IFA_LOCAL, addr, size);
	put(IFA_ADDRESS, addr, size);
	request(fd, "address");
	begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &route, sizeof(route));
	put(RTA_GATEWAY, gw, size);
	put_u32(RTA_OIF, index);
	request(fd, "route");
}

int main(int argc, char *argv[])
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int home, netns, host, container;
	unsigned host_index, peer = 0;

	if (argc < 7)
		return 2;
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	netns = open(argv[4], O_RDONLY | O_CLOEXEC);
	if (home < 0 || netns < 0)
		die(argv[4]);
	host = open_socket();
	if (setns(netns, CLONE_NEWNET) < 0)
		die("setns");
	container = open_socket();
	if (setns(home, CLONE_NEWNET) < 0)
		die("setns");
	make_pair(host, if_nametoindex(argv[1]), argv[2], argv[3], netns);
	host_index = if_nametoindex(argv[2]);
	(void)port_state(host, host_index, &peer);
	set_hairpin(host, host_index);
	set_up(container, 1);
	set_up(container, peer);
	for (int i = 5; i + 1 < argc; i += 2)
		give_address(container, peer, argv[i], argv[i + 1]);
	while (port_state(host, host_index, &peer) != BR_STATE_FORWARDING)
		nanosleep(&pause, NULL);
	return 0;
}
