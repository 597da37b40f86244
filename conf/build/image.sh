#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# image.sh BIN_DIR NAME:TAG ARCHIVE: writes a container image with weftd, weftctl, the plugin and the
# shared libraries that they need, on an empty base, as one tar archive: an OCI image layout
# (OCI image specification 1.0) that is a docker archive, too. Needs no registry, no container
# runtime and no root. The same programs and libraries give the same bytes.
#
#   /usr/sbin/weftd weftctl   weft beside them: what weftd --install-cni copies to the node
#   /etc/passwd group         root, and the user weft, for runtimes that give it CAP_NET_ADMIN
#   /lib/... /usr/lib/...     the libraries, at the paths where the programs load them
#
# There are no CA certificates: the Kubernetes store gets its CA from the service account, and no
# public CA should vouch for an etcd. For one that needs them, mount the node's /etc/ssl/certs.
set -euo pipefail
umask 022
export LC_ALL=C

bin=$1 name=$2 archive=$3
uid=65532 # of weft

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root layout=$work/layout
mkdir -p "$layout/blobs/sha256"

# The libraries of a program, with the loader; a missing one is an error.
libraries_of() { # PROGRAM
	ldd "$1" | awk -v program="$1" '
		/not found/ { print program ": " $1 " not found" >"/dev/stderr"; exit 1 }
		$2 == "=>" && $3 ~ /^\// { print $3 }
		$1 ~ /^\// { print $1 }'
}

# Copies a library to the path by which it is loaded, whose directories may be links (/lib).
add_library() { # PATH
	local at
	at=$(realpath "$(dirname "$1")")/$(basename "$1")
	install -D -m 755 "$(realpath "$1")" "$root$at"
}

# merged /usr, as on the machine where the libraries come from
add_root() {
	local dir library libraries
	mkdir -p "$root"/{etc,proc,sys,dev,run,tmp,var,usr/{bin,sbin,lib}}
	chmod 1777 "$root/tmp"
	ln -s ../run "$root/var/run"
	for dir in bin sbin lib lib64; do
		[[ ! -L /$dir ]] || { mkdir -p "$root/usr/$dir" && ln -s "usr/$dir" "$root/$dir"; }
	done
	for program in weft weftd weftctl; do
		install -m 755 "$bin/$program" "$root/usr/sbin/$program"
	done
	libraries=$(libraries_of "$bin/weftd" && libraries_of "$bin/weftctl")
	while IFS= read -r library; do add_library "$library"; done < <(sort -u <<<"$libraries")
	printf 'root:x:0:0:root:/:/usr/sbin/nologin\nweft:x:%d:%d:weft:/:/usr/sbin/nologin\n' \
		"$uid" "$uid" >"$root/etc/passwd"
	printf 'root:x:0:\nweft:x:%d:\n' "$uid" >"$root/etc/group"
}

# pack DIRECTORY: a tar archive on standard output in which nothing depends on the time, the user,
# or the order of directory entries.
pack() {
	(
		cd "$1"
		tar --create --format=gnu --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -- *
	)
}

# Adds standard input as a blob, and prints its descriptor.
add_blob() { # MEDIA-TYPE
	local digest
	cat >"$work/blob"
	digest=$(sha256sum "$work/blob")
	digest=${digest%% *}
	jq -c -n --arg type "$1" --arg digest "sha256:$digest" --argjson size "$(stat -c %s "$work/blob")" \
		'{mediaType: $type, digest: $digest, size: $size}'
	mv "$work/blob" "$layout/blobs/sha256/$digest"
}

architecture() {
	case $(uname -m) in
	x86_64) echo amd64 ;;
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# The labels have no time and no revision, which would differ between equal contents.
config() { # DIFF-ID
	jq -c -n --arg arch "$(architecture)" --arg diff "sha256:$1" --arg version "${name##*:}" '{
		architecture: $arch, os: "linux",
		config: {
			Env: ["PATH=/usr/sbin:/usr/bin"], Entrypoint: ["/usr/sbin/weftd"],
			WorkingDir: "/",
			Labels: {
				"org.opencontainers.image.title": "weft",
				"org.opencontainers.image.description": "CNI plugin and node daemon, VXLAN overlay",
				"org.opencontainers.image.version": $version,
				"org.opencontainers.image.licenses": "Apache-2.0"
			}
		},
		rootfs: {type: "layers", diff_ids: [$diff]}
	}'
}

add_image() {
	local type=application/vnd.oci.image diff layer config manifest
	pack "$root" >"$work/layer"
	diff=$(sha256sum "$work/layer")
	layer=$(gzip -9 -n <"$work/layer" | add_blob $type.layer.v1.tar+gzip)
	config=$(config "${diff%% *}" | add_blob $type.config.v1+json)
	manifest=$(jq -c -n --arg type $type.manifest.v1+json --argjson config "$config" --argjson layer "$layer" \
		'{schemaVersion: 2, mediaType: $type, config: $config, layers: [$layer]}' |
		add_blob $type.manifest.v1+json)
	printf '{"imageLayoutVersion":"1.0.0"}\n' >"$layout/oci-layout"
	jq -c -n --arg type $type.index.v1+json --argjson manifest "$manifest" --arg name "$name" '{
		schemaVersion: 2, mediaType: $type,
		manifests: [$manifest + {annotations: {
			"io.containerd.image.name": $name,
			"org.opencontainers.image.ref.name": ($name | split(":")[-1])
		}}]
	}' >"$layout/index.json"
	jq -c -n --argjson config "$config" --argjson layer "$layer" --arg name "$name" '
		def path: .digest | sub("sha256:"; "blobs/sha256/");
		[{Config: ($config | path), RepoTags: [$name], Layers: [$layer | path]}]
	' >"$layout/manifest.json"
}

add_root
add_image
mkdir -p "$(dirname "$archive")"
pack "$layout" >"$archive.new"
mv -f "$archive.new" "$archive"
