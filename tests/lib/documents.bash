# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The code blocks of a Markdown document, to run them as they are printed.
#
#   ```sh        commands of a shell, or a script
#   ```console   commands after "# ", each followed by lines that its output contains
#   ```json, ```yaml   files
#   ```text      a drawing, or a listing: not to be run
#
# A block that a test cannot run has a comment above it, which is invisible when the document is rendered:
#
#   <!-- not run: REASON -->

# Prints a line for each block: the line of its fence, its language or "-", and its reason.
document_blocks() { # FILE
	awk '
		match($0, /^ *```/) {
			if (!inside) {
				language = substr($0, RLENGTH + 1)
				print NR, language == "" ? "-" : language, reason
			}
			inside = !inside
			reason = ""
			next
		}
		inside { next }
		/^ *<!-- not run: .* -->$/ {
			reason = $0
			sub(/^ *<!-- not run: /, "", reason)
			sub(/ -->$/, "", reason)
			next
		}
		NF { reason = "" }' "$1"
}

# Prints the block whose fence is in this line, without the indentation of the fence.
document_text() { # FILE LINE
	awk -v line="$2" '
		NR == line { indent = match($0, /[^ ]/) - 1; inside = 1; next }
		inside && /^ *```/ { exit }
		inside { print substr($0, 1, indent) ~ /^ *$/ ? substr($0, indent + 1) : $0 }' "$1"
}

# Prints the block that contains the text, whether it has a reason or not. Fails unless there is one.
document_block() { # FILE TEXT
	local line block found=()
	while read -r line _; do
		block=$(document_text "$1" "$line")
		[[ $block != *"$2"* ]] || found+=("$block")
	done < <(document_blocks "$1")
	if ((${#found[@]} != 1)); then
		echo "$1 has ${#found[@]} blocks with: $2" >&2
		return 1
	fi
	printf '%s\n' "${found[0]}"
}

# The blocks of one document in their order. document_open selects the document; block_next sets $block to
# the next block that is to be run, and fails unless it contains the text; document_end fails if
# there is one more.
document_open() { # FILE
	local line language reason
	document=$1 document_lines=()
	while read -r line language reason; do
		[[ $language == text || $reason ]] || document_lines+=("$line")
	done < <(document_blocks "$WEFT_REPO/$1")
}

block_next() { # TEXT
	local line=${document_lines[0]-}
	if [[ ! $line ]]; then
		echo "$document has no further block to run, expected one with: $1" >&2
		return 1
	fi
	document_lines=("${document_lines[@]:1}")
	block=$(document_text "$WEFT_REPO/$document" "$line")
	[[ $block == *"$1"* ]] || {
		echo "$document:$line: expected a block with \"$1\" here. A new block needs a step in this test, or a reason." >&2
		return 1
	}
}

document_end() {
	((!${#document_lines[@]})) || {
		echo "$document:${document_lines[0]}: no test runs this block. It needs a step in this test, or a reason." >&2
		return 1
	}
}

# ---- Machines ------------------------------------------------------------------
#
# A machine is a host of the lab with its own copies of the directories in which the documents' commands
# write: they change nothing outside of the lab. sudo runs the command, since the tests are run by root.

machine_up() { # HOST
	local dir=$LAB_DIR/$1/machine
	mkdir -p "$dir/home" || return
	# shellcheck disable=SC2016 # the shell within expands them
	proc_start "$1-mounts" "$1" unshare --mount --propagation private bash -euc '
		dir=$1 lab=$2 repository=$3
		cover() {
			mkdir -p "$dir/upper$1" "$dir/work$1"
			mount -t overlay overlay -o "lowerdir=$1,upperdir=$dir/upper$1,workdir=$dir/work$1" "$1"
		}
		for path in /etc /usr /opt /var "$repository"; do
			cover "$path"
		done
		mkdir "$dir/run"
		mount -t tmpfs tmpfs "$dir/run"
		mkdir "$dir/run/netns" "$dir/run/lock"
		if [[ $lab == /run/* ]]; then
			mkdir "$dir$lab"
			mount --bind "$lab" "$dir$lab"
		fi
		mount --no-mtab --move "$dir/run" /run
		printf "#!/bin/sh\nexec \"\$@\"\n" >/usr/local/bin/sudo
		chmod 755 /usr/local/bin/sudo
		mkdir -p /etc/cni/net.d
		rm -rf /etc/cni/net.d/* /etc/default/weftd /etc/weft /var/lib/weft
		touch "$dir/mounted"
		exec sleep infinity' bash "$dir" "$LAB_DIR" "$WEFT_REPO"
	wait_for 30 test -e "$dir/mounted" || { proc_log "$1-mounts" && return 1; }
}

machine_env() { # HOST: prints a command that sets the environment of its commands, one word a line
	printf '%s\n' env -C "$LAB_DIR/$1/machine/home" HOME="$LAB_DIR/$1/machine/home" \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		ETCDCTL_API=3 ETCDCTL_ENDPOINTS="$ETCD_URL" WEFTD_ETCD_ENDPOINTS="$ETCD_URL"
}

# on HOST COMMAND...: runs the command on the machine, as root would type it.
on() {
	local host=$1 pid words
	shift
	pid=$(proc_pid "$host-mounts") || return
	mapfile -t words < <(machine_env "$host")
	nsenter -t "$pid" --mount --net -- "${words[@]}" "$@"
}

# daemon_on NAME HOST COMMAND...: starts the command on the machine as a background process.
daemon_on() {
	local name=$1 host=$2 pid words
	shift 2
	pid=$(proc_pid "$host-mounts") || return
	mapfile -t words < <(machine_env "$host")
	proc_start "$name" "$host" nsenter -t "$pid" --mount -- "${words[@]}" "$@"
}

# Runs $block on the machine.
block_on() { # HOST
	on "$1" bash -euo pipefail -c "$block" || { echo "fails: $block" >&2 && return 1; }
}

# Runs the commands of $block, a console's, on the machine. Each must succeed, and print the lines that follow
# it in the document, among others. tcpdump, which does not end, runs for two seconds.
console_on() { # HOST
	local line command='' expected=()
	while IFS= read -r line; do
		if [[ $line == '# '* ]]; then
			[[ ! $command ]] || console_run "$1" "$command" "${expected[@]}" || return
			command=${line#'# '} expected=()
		else
			expected+=("$line")
		fi
	done <<<"$block"
	console_run "$1" "$command" "${expected[@]}"
}

console_run() { # HOST COMMAND LINE...
	local output line
	[[ $2 != tcpdump* ]] || set -- "$1" "timeout --preserve-status -s INT 2 $2" "${@:3}"
	output=$(on "$1" bash -euo pipefail -c "$2" | sed 's/ *$//') || {
		printf 'fails: %s\n%s\n' "$2" "$output" >&2
		return 1
	}
	for line in "${@:3}"; do
		grep -q -F -x -- "$line" <<<"$output" || {
			printf '%s\nprints:\n%s\nwithout the line:\n%s\n' "$2" "$output" "$line" >&2
			return 1
		}
	done
}
