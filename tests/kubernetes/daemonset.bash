# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# weft as a DaemonSet, from conf/kubernetes and the image of `make image`. Sourced after
# kubernetes.bash and workloads.bash.

MANIFEST=$WEFT_REPO/conf/kubernetes/weft.yaml

image_of_manifest() { sed -n 's/^ *image: //p' "$MANIFEST"; }

# daemonset_images IMAGE...: builds weft's image with each of these names, and imports it on both nodes.
daemonset_images() {
	local image archive host
	for image; do
		archive=$LAB_DIR/kubernetes/weft-${image##*:}.tar
		"$WEFT_REPO/conf/build/image.sh" "$WEFT_BIN_DIR" "$image" "$archive" || return
		for host in host1 host2; do
			image_import "$host" "$archive" || return
		done
	done
}

daemonset_ready() { kubectl -n weft rollout status daemonset/weft --timeout=300s; }

# weft_pods EXPRESSION of jq(1): prints it for each pod of weft that is not about to end.
weft_pods() {
	kubectl -n weft get pods -o json |
		command jq -r ".items[] | select(.metadata.deletionTimestamp | not) | $1"
}

# weftctl_in HOST ARGUMENT...: in the pod of weft on that node.
weftctl_in() {
	local pod
	pod=$(weft_pods "select(.spec.nodeName == \"$1\").metadata.name")
	kubectl -n weft exec "$pod" -- weftctl "${@:2}"
}

# Creates the pod of pod.yaml on a node, and waits until it is ready.
pod_create() { # HOST [NAME]
	sed "s/NODE/$1/; s/: one\>/: ${2-one}/g" "$WEFT_REPO/tests/kubernetes/pod.yaml" | kubectl apply -f - &&
		kubectl wait --for=condition=Ready --timeout=300s "pod/${2-one}"
}

daemonset_report() {
	kubectl -n weft get pods -o wide
	kubectl -n weft describe pods
	kubectl -n weft logs -l app.kubernetes.io/name=weft --tail=10
	kubernetes_report
}
