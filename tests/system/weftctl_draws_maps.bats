#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # run sets output and lines
#
# weftctl map with saved documents: what it prints, its pictures, and what it refuses. No lab: a map
# from files needs no weftd.

load ../lib/bats

weftctl() { "$WEFT_BIN_DIR/weftctl" "$@"; }

# save N [FILTER]: a document of N nodes, of which host1 to the others lose 5 %, changed by jq.
save() {
	jq -n "def host: {id: \"host\(. + 1)\", address: \"192.168.\(. / 250 | floor).\(. % 250 + 1)\",
			subnet: \"10.\(. / 250 | floor).\(. % 250).0/24\"};
		{node: \"host1\", network: \"default\", time: 1700000000,
		nodes: [range($1) | host],
		links: [range($1) as \$from | range($1) as \$to | select(\$from != \$to) |
			{from: \$from, to: \$to, sent: 100, lost: (if \$from == 0 then 5 else 0 end),
			rtt_us: (300 + \$to), age_s: 4}], missing: []} | ${2-.}"
}

# is_picture FILE: XML of one picture, without scripts, references and names of other elements.
is_picture() {
	python3 - "$1" <<'PYTHON'
import re, sys, xml.etree.ElementTree as tree

svg = "{http://www.w3.org/2000/svg}"
allowed = {svg + n for n in "svg title desc style rect path circle text tspan g".split()}
root = tree.parse(sys.argv[1]).getroot()
width, height = float(root.get("width")), float(root.get("height"))
assert root.tag == svg + "svg" and root.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
assert root.find(svg + "title").text and root.find(svg + "desc").text
dots = []
for element in root.iter():
    assert element.tag in allowed, element.tag
    for name, value in element.attrib.items():
        assert not name.startswith("on") and "href" not in name and "url(" not in value, name
        assert re.fullmatch(r"[\w\s.,():#-]*", value), value
    if element.tag == svg + "circle" and element.get("class") in ("node", "open") and element.get("cx") != "22":
        dots.append(tuple(float(element.get(a)) for a in ("cx", "cy", "r")))
for i, (x, y, r) in enumerate(dots):
    assert r < x < width - r and r < y < height - r
    assert all((x - a) ** 2 + (y - b) ** 2 > (r + s) ** 2 for a, b, s in dots[:i])
print(len(dots))
PYTHON
}

setup() { cd "$BATS_TEST_TMPDIR" || return; }

@test "pictures of 3, 30 and 300 nodes are XML, and their nodes do not overlap" {
	local nodes
	for nodes in 3 30 300; do
		save "$nodes" >map.json
		run -0 weftctl map map.json --svg map.svg
		refute_output
		run -0 is_picture map.svg
		assert_output "$nodes"
		assert_equal "$(stat -c %a map.svg)" 644
	done
	weftctl map map.json --svg - | cmp map.svg
}

@test "hostile names are text in tables and pictures" {
	save 3 '.nodes[0].id = "</text><script>alert(1)</script>" | .nodes[1].id = "\u001b[31m\u202e\ufffe" |
		.node = "\u001b]0;x\u0007" | .network = "&<>\"'\''"' >map.json
	weftctl map map.json --svg map.svg
	run -0 is_picture map.svg
	assert_output 3
	run -0 weftctl map map.json
	refute_output --partial $'\e'
	assert_output --partial '\x1b]0;x\x07'
}

@test "rows of several nodes are one map, and JSON is read again" {
	local row
	for row in 0 1 2; do
		save 3 ".links |= map(select(.from == $row)) | .missing = [range(3) | select(. != $row)]" >row$row.json
	done
	run -0 weftctl map row0.json
	assert_output --partial 'measurements missing of: host2, host3'
	assert_output --partial '2 with loss, 0 without an answer, 4 not measured'
	weftctl map row2.json row0.json row1.json --json >all.json
	assert_equal "$(jq -S '.node = "host1"' all.json)" "$(save 3 | jq -S .)"
	assert_equal "$(weftctl map - --json <all.json)" "$(<all.json)"
}

@test "a matrix that does not fit is left out, and printed with --all" {
	save 300 >map.json
	run -0 weftctl map map.json
	assert_output --partial 'no room for the matrix of 300 nodes: --all prints it'
	assert_line --regexp '^host1 +host300 +5% +100 +0\.60 +4 s$'
	assert_line 'and 289 more links: --all prints them'
	run -0 weftctl map map.json --all
	assert_line --regexp "^  1 host1     \+{299}$"
	assert_line --regexp "^300 host300  \.{299}$"
	save 3 >map.json
	run -0 weftctl map map.json
	assert_line '2 host2    0.30        0.30'
}

@test "what is no map is refused with its fault" {
	save 2 '.links[0].to = 5' >map.json
	run -1 weftctl map map.json
	assert_output --regexp '^weftctl: map.json: map: links\[0\]\.to: '
	echo '{' >map.json
	run -1 weftctl map map.json
	assert_output --partial 'weftctl: map.json: map: line 2'
	run -1 weftctl map absent.json
	assert_output 'weftctl: cannot open absent.json: No such file or directory'
	save 2 >map.json
	save 2 '.network = "blue"' >blue.json
	run -1 weftctl map map.json blue.json
	assert_output 'weftctl: blue.json: networks default and blue differ'
	save 0 >map.json
	run -1 weftctl map map.json --svg map.svg
	assert_output 'weftctl: the map has no nodes'
	[[ ! -e map.svg ]]
}

@test "a device is not replaced by a picture" {
	save 2 >map.json
	ln -s /dev/null link
	run -1 weftctl map map.json --svg link
	assert_output 'weftctl: link is not a regular file; - is standard output'
	[[ -L link && $(readlink link) == /dev/null ]]
	run -2 weftctl map map.json --svg map.svg --json
	assert_output --partial 'weftctl: --svg and --json exclude each other'
}
