#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# The container image of `make image`: reproducible, complete, and nothing but weft and its
# libraries; Debian's podman and containerd load and run it.

load ../lib/bats
# shellcheck source=tests/lib/runtime.bash
source "${BATS_TEST_DIRNAME}/../lib/runtime.bash"

image=localhost/weft:test

setup_file() {
	export LAB_STORE=file
	lab_open_for_file
	lab_hosts 1
	cni_install host1
	runtime_host host1
	image_build "$LAB_DIR/image.tar"
	mkdir "$LAB_DIR/layout" "$LAB_DIR/root"
	tar -C "$LAB_DIR/layout" -xf "$LAB_DIR/image.tar"
	tar -C "$LAB_DIR/root" -xzf "$LAB_DIR/layout/$(jq -r '.[0].Layers[0]' "$LAB_DIR/layout/manifest.json")"
	podman_on host1 load -i "$LAB_DIR/image.tar"
}

teardown_file() {
	podman_on host1 rm --all --force --time 0 >/dev/null 2>&1 || true
	lab_end_processes
	runtime_end_cgroups
	lab_down
}

image_build() { "$WEFT_REPO/conf/build/image.sh" "$WEFT_BIN_DIR" $image "$1"; } # ARCHIVE

image_run() { # [OPTION...] IMAGE ARGUMENT...
	podman_on host1 run --rm --network none --cgroup-parent "/$LAB-host1" --cap-drop all \
		--ulimit nofile=20000:20000 --ulimit nproc=1000:1000 --read-only "$@"
}

# The file of a descriptor's digest, which is its content's.
blob() { # FILE FILTER
	local digest
	digest=$(jq -r "$2.digest" "$1") || return
	[[ $(sha256sum <"$LAB_DIR/layout/blobs/sha256/${digest#*:}") == "${digest#*:}  -" &&
		$(stat -c %s "$LAB_DIR/layout/blobs/sha256/${digest#*:}") == "$(jq -r "$2.size" "$1")" ]] &&
		echo "$LAB_DIR/layout/blobs/sha256/${digest#*:}"
}

@test "the same programs and libraries give the same bytes, below 25 MB" {
	(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 image_build "$LAB_DIR/again.tar")
	cmp "$LAB_DIR/image.tar" "$LAB_DIR/again.tar"
	(($(stat -c %s "$LAB_DIR/image.tar") < 25000000))
}

@test "the archive is an OCI image layout: digests and sizes are those of the blobs" {
	local manifest config layer
	[[ $(jq -r .imageLayoutVersion "$LAB_DIR/layout/oci-layout") == 1.0.0 ]]
	manifest=$(blob "$LAB_DIR/layout/index.json" '.manifests[0]')
	config=$(blob "$manifest" .config)
	layer=$(blob "$manifest" '.layers[0]')
	[[ $(jq -r '.rootfs.diff_ids[0]' "$config") == "sha256:$(zcat "$layer" | sha256sum | cut -d ' ' -f 1)" ]]
	run jq -r '.os, .config.Entrypoint[0]' "$config"
	assert_line --index 0 linux
	assert_line --index 1 /usr/sbin/weftd
}

@test "the image has every library that its programs need, and no other program" {
	[[ $(find "$LAB_DIR/root" -type f -path '*/sbin/*' -printf '%f %m\n' | sort) == \
		"$(printf '%s 755\n' weft weftctl weftd)" ]]
	run find "$LAB_DIR/root" -type f ! -path '*/sbin/*' ! -name '*.so*' ! -path '*/etc/passwd' ! -path '*/etc/group'
	assert_output ''
	chroot "$LAB_DIR/root" /usr/sbin/weftd --version
	chroot "$LAB_DIR/root" /usr/sbin/weftctl version --run-dir /none
}

@test "podman runs weftd, weftctl and the plugin, without a shell" {
	run image_run $image --version
	assert_success
	assert_output --partial 'weftd '
	run image_run --entrypoint /usr/sbin/weftctl $image version
	assert_output --partial "$("$WEFT_BIN_DIR/weftctl" version | head -n 1)"
	run image_run --entrypoint /usr/sbin/weft $image
	assert_output --partial 'CNI weft plugin'
	not image_run --entrypoint /bin/sh $image -c true
}

@test "weftd runs as the unprivileged user if the runtime gives it CAP_NET_ADMIN" {
	run image_run --user weft --tmpfs /run/weft:mode=1777 --cap-add NET_ADMIN $image --remove-rules
	assert_success
	run image_run --user weft --tmpfs /run/weft:mode=1777 $image --remove-rules
	assert_failure
	assert_output --partial 'CAP_NET_ADMIN is missing'
}

# As the DaemonSet in conf/kubernetes does: root without root's capabilities, not privileged, in the
# node's network and with its directories.
weftd_of_image() {
	local flags
	read -ra flags < <(weftd_flags host1)
	podman_on host1 run --detach --name weftd --network host --cgroup-parent "/$LAB-host1" \
		--ulimit nofile=20000:20000 --ulimit nproc=1000:1000 --log-driver none \
		--cap-drop all --cap-add NET_ADMIN --security-opt no-new-privileges --read-only \
		--volume "$LAB_DIR:$LAB_DIR" --volume /proc/sys/net:/host/sys/net $image "${flags[@]}" \
		--healthz-ip 127.0.0.1 --healthz-port 8471 --sysctl-dir /host/sys --install-cni --cni-bin-dir "$LAB_DIR/bin" \
		--cni-conf-dir "$LAB_DIR/net.d"
}

serves_with_all_sysctls() {
	local status
	status=$(weftctl_on host1 --json status) || [[ $status ]] || return 1
	jq -e '.networks[0] | .state == "ready" and (.sysctls // []) == []' <<<"$status"
}

@test "weftd serves a node from a container with CAP_NET_ADMIN and a read-only root" {
	store_start
	weftd_of_image
	wait_for 30 test -s "$LAB_DIR/net.d/10-weft.conflist"
	wait_for 30 podman_on host1 exec weftd weftctl --run-dir "$LAB_DIR/host1/run" status
	# The probe of the DaemonSet.
	wait_for 30 ns_run host1 curl -s -S --fail http://127.0.0.1:8471/readyz
	wait_for 30 serves_with_all_sysctls
	[[ $(ns_run host1 sysctl -n net.ipv4.ip_forward) == 1 ]]
	cmp "$LAB_DIR/bin/weft" "$WEFT_BIN_DIR/weft"
	cp "$LAB_DIR/net.d/10-weft.conflist" "$LAB_DIR/host1/10-weft.conflist"
	container_add host1 c1
	ping_once host1 "$(container_address host1 c1)"
	# A stopped container leaves the node as it is.
	podman_on host1 stop --time 10 weftd
	ping_once host1 "$(container_address host1 c1)"
	container_del host1 c1
	[[ -s $LAB_DIR/net.d/10-weft.conflist ]]
}

@test "the manifest is that of the kustomize base, with this version's image and weftd's options" {
	local version file
	version=$(sed -n 's/^WEFT_VERSION := //p' "$WEFT_REPO/Makefile")
	"$WEFT_REPO/conf/build/manifest.sh" "localhost/weft:$version" | diff "$WEFT_REPO/conf/kubernetes/weft.yaml" -
	grep -q "image: localhost/weft:$version\$" "$WEFT_REPO/conf/kubernetes/node/daemonset.yaml"
	"$WEFT_BIN_DIR/weftd" --help | sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' | sort >"$BATS_TEST_TMPDIR/known"
	for file in node overlays/etcd; do
		sed -n 's/^ *- \(--[a-z0-9-]*\).*/\1/p' "$WEFT_REPO/conf/kubernetes/$file/daemonset.yaml" |
			sort >"$BATS_TEST_TMPDIR/used"
		grep -q -- --install-cni "$BATS_TEST_TMPDIR/used"
		run comm -23 "$BATS_TEST_TMPDIR/used" "$BATS_TEST_TMPDIR/known"
		assert_output ''
	done
}

@test "containerd runs it" {
	containerd_start host1
	ctr_on host1 image import "$LAB_DIR/image.tar"
	run ctr_on host1 image ls -q
	assert_output $image
	run ctr_on host1 run --rm --snapshotter native $image version /usr/sbin/weftd --version
	assert_success
	assert_output --partial 'weftd '
}
