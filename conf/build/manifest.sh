#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# manifest.sh IMAGE: prints conf/kubernetes/base and conf/kubernetes/node as one file, with their comments:
# the resources of their kustomizations, the DaemonSet last, and the name and tag of the image.
# conf/kubernetes/weft.yaml is this output. The kustomizations only list resources, so `kubectl kustomize`
# renders the same objects.
set -euo pipefail

cd "$(dirname "$0")/../kubernetes"

resources() { # DIRECTORY
	local unknown
	unknown=$(grep -Ev '^(#.*|apiVersion: .*|kind: .*|namespace: weft|bases:|- \.\./node|resources:|- [a-z]+\.yaml)$' \
		"$1/kustomization.yaml" || true)
	[[ -z $unknown ]] || {
		echo "$1/kustomization.yaml: not only a list of resources: $unknown" >&2
		return 1
	}
	sed -n "s|^- \([a-z]*\.yaml\)|$1/\1|p" "$1/kustomization.yaml"
}

node=$(resources node)
base=$(resources base)
cat <<'YAML'
# SPDX-License-Identifier: Apache-2.0
# weft with the Kubernetes API as its store: kubectl apply -f weft.yaml. See docs/kubernetes.md.
# Written by `make manifest` from conf/kubernetes/base and conf/kubernetes/node.
YAML
for file in ${node//node\/daemonset.yaml/} $base node/daemonset.yaml; do
	echo ---
	sed "s|^\( *image: \)localhost/weft:.*|\1$1|" "$file"
done
