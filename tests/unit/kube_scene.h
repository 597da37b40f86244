/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of the Kubernetes store: node n1, whose requests to two API servers the test answers
 * (fake_http.h), and the texts of Nodes, lists and events.
 */
#pragma once

#include "tests/unit/store_recorder.h"

#define OWN "/api/v1/nodes/n1"
#define PATCH OWN "/status"
#define FIRST_LIST "nodes?limit=500&resourceVersion=0"
#define LIST "nodes?limit=500"
#define WATCH "&timeoutSeconds=400&watch=true"
#define ID "0f8fad5b-d9cb-469f-a165-70867728950e"
#define NETCONF "{\"Network\":\"10.1.0.0/16\"}"

#define METADATA(name, revision, more)                                                             \
	"\"metadata\":{\"name\":\"" name "\",\"uid\":\"u-" name                                    \
	"\",\"resourceVersion\":\"" revision "\"" more "}"
#define WEFT(subnet)                                                                               \
	",\"annotations\":{\"flannel.alpha.coreos.com/kube-subnet-manager\":\"true\","             \
	"\"flannel.alpha.coreos.com/backend-type\":\"vxlan\","                                     \
	"\"weft.cni/lease\":\"{\\\"Subnets\\\":[\\\"" subnet "\\\"]}\"}"
#define FLANNEL                                                                                    \
	",\"annotations\":{\"flannel.alpha.coreos.com/kube-subnet-manager\":\"true\","             \
	"\"flannel.alpha.coreos.com/backend-type\":\"vxlan\"}"
#define OWN_NODE(revision)                                                                         \
	"{" METADATA("n1", revision, "") ",\"spec\":{\"podCIDRs\":[\"10.1.1.0/24\"]}}"
#define NODES_ALONE(revision, items)                                                               \
	"{\"metadata\":{\"resourceVersion\":\"" revision "\"},\"items\":[" items "]}"
/* With the own Node, of which the list has nothing newer than a read. */
#define LISTED_OWN "{" METADATA("n1", "1", "") "}"
#define NODES(revision, items) NODES_ALONE(revision, items "," LISTED_OWN)
#define NO_NODES(revision) NODES_ALONE(revision, LISTED_OWN)
#define PEER(revision) "{" METADATA("n2", revision, WEFT("10.1.2.0/24")) "}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}"
#define RESTORED "restored: the resourceVersion of the Nodes has decreased"
#define RESTORED_LIST "[ " RESTORED " config"

struct scene {
	struct recorder r;
	char text[20000]; /* a list */
};

int kube_set_up(void **state);
/* After an earlier run, which has seen the own Node with revision 8. */
int kube_set_up_again(void **state);
/* After an earlier run with another store. */
int kube_set_up_after_etcd(void **state);
int kube_tear_down(void **state);

#define TEST(test) cmocka_unit_test_setup_teardown(test, kube_set_up, kube_tear_down)

/* Compares the recorded events, without the text of a configuration, and discards them. */
void assert_log(struct scene *scene, const char *wanted);
/* Answers the request for a list. */
void kube_respond_list(const char *path, const char *text);
/* Answers the first requests: peer n2 is listed, and a watch runs. */
void kube_come_up(struct scene *scene);
