# SPDX-License-Identifier: Apache-2.0
#
# weft's build. `make help` lists the targets. Variables, as arguments of make:
#
#   MODE=release|debug|asan|fuzz|cov   objects go to $(BUILD)/$(MODE)/
#   CC=gcc|clang CFLAGS= LDFLAGS=      WERROR=1 makes warnings errors
#   CROSS_COMPILE=aarch64-linux-gnu-   prefix of compiler, ar, strip and pkg-config, for another machine
#   BUILD=build   V=1                  output directory; print whole commands
#   CJSON_SOURCE=$(BUILD)/cjson        directory with cJSON.c and cJSON.h
#   DESTDIR= PREFIX=/usr/local CNI_BIN_DIR=/opt/cni/bin    for install and uninstall
#   IMAGE=localhost/weft:VERSION       name and tag of the container image
#
# Only `deps` and `deps-*` install or download anything, and `demo` and `check`, which
# call `deps`, so that a new machine needs no other command; `check-kernel` downloads its root file
# system.
#
# Sources are found by directory: common/ and ipam/ become one archive, each
# program's directory (without its main.c) another. The linker takes from an archive
# only the members that a program or a test uses. Basenames are unique within an
# archive, because ar(1) identifies members by basename.

# The version of the programs, the man pages and `make dist`. debian/changelog has it, too.
WEFT_VERSION := 0.1.0

# Of the source archive's file or of the repository; empty if unknown.
commit := $(shell conf/build/commit.sh)

MODE   ?= release
BUILD  ?= build
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
NETWORKDIR ?= $(PREFIX)/lib/systemd/network
# NetworkManager does not search /usr/local.
NMDIR ?= /usr/lib/NetworkManager/conf.d
DOCDIR ?= $(DATADIR)/doc/weft
BASHCOMPDIR ?= $(DATADIR)/bash-completion/completions
ZSHCOMPDIR ?= $(DATADIR)/zsh/site-functions
FISHCOMPDIR ?= $(DATADIR)/fish/vendor_completions.d
CNI_BIN_DIR ?= /opt/cni/bin
CJSON_SOURCE ?= $(BUILD)/cjson

PKG_CONFIG ?= $(CROSS_COMPILE)pkg-config
STRIP ?= $(CROSS_COMPILE)strip
ifeq ($(origin AR),default)
AR := $(CROSS_COMPILE)ar
endif
ifeq ($(origin CC),default)
CC := $(CROSS_COMPILE)$(if $(filter fuzz,$(MODE)),clang,gcc)
endif

O := $(BUILD)/$(MODE)

# ---- Libraries ------------------------------------------------------------
# libnl-3.0 is linked statically into weft, and shared into weftd and weftctl.

build_libs := libnl-3.0 libcurl libevent_core libevent_extra libcap yaml-0.1 libcrypto
pkg = $(shell $(PKG_CONFIG) $1 2>/dev/null)
lib_cflags := $(patsubst -I%,-isystem %,$(call pkg,--cflags $(build_libs)))
weft_libs := $(call pkg,--libs --static libnl-3.0)
weftd_libs := $(call pkg,--libs $(build_libs)) -lm
weftctl_libs := $(call pkg,--libs libnl-3.0) -lm
test_libs = $(weftd_libs) $(call pkg,--libs cmocka)

# ---- Flags ----------------------------------------------------------------

cppflags := -I. -isystem $(O)/include $(lib_cflags) \
	    -D_GNU_SOURCE -DWEFT_VERSION='"$(WEFT_VERSION)"'

warnings := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion \
	    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	    -Wformat=2 -Wvla -Wswitch-enum -Wcast-qual -Wcast-align -Wundef \
	    -Wwrite-strings -Wpointer-arith -Wnested-externs -Wredundant-decls $(if $(WERROR),-Werror)

harden := -fPIE -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
# Of the machine that the compiler compiles for.
machine := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
harden += $(if $(filter x86_64 i686,$(machine)),-fcf-protection)
harden += $(if $(filter aarch64,$(machine)),-mbranch-protection=standard)
ifneq ($(findstring clang,$(CC)),)
# clang 14 requires this second flag; later versions ignore it.
harden += -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
# clang reports unused inline functions of VEC_DEFINE; gcc still reports all other unused functions.
warnings += -Wno-unused-function
endif

# Fortification requires optimisation; the sanitizers check more than it does.
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
mode_release := -O2 -g -D_FORTIFY_SOURCE=3
mode_debug   := -Og -g3
mode_asan    := -O1 -g $(sanitize)
mode_fuzz    := -O1 -g $(sanitize) -fsanitize=fuzzer-no-link
mode_cov     := -O0 -g --coverage
mode_flags   := $(mode_$(MODE))
ifeq ($(mode_flags),)
$(error MODE=$(MODE) is not one of release, debug, asan, fuzz, cov)
endif

cflags  := -std=gnu17 $(mode_flags) $(harden) -ffunction-sections -fdata-sections
ldflags := $(mode_flags) -Wl,-z,relro,-z,now,-z,noexecstack,--gc-sections,--as-needed

# weft is started for every container: linked statically, it starts in half the time.
# libnl refers to the resolver's functions, which weft never calls and which do not work
# reliably in a static program: defined as abort(), they keep the resolver out of the
# program. The sanitizers' run-time libraries cannot be linked statically.
lookups := getaddrinfo getnameinfo getprotobyname getprotobynumber
# A C library without the start file of such programs (Debian's on s390x) gives one at a fixed address.
start_file := $(shell $(CC) -print-file-name=rcrt1.o 2>/dev/null)
static := $(if $(filter /%,$(start_file)),-static-pie,-static) $(lookups:%=-Wl,--defsym=%=abort)
ifneq ($(filter asan fuzz,$(MODE)),)
static := -pie
endif

# ---- Sources --------------------------------------------------------------

programs := weft weftd weftctl
depths := /*.c /*/*.c /*/*/*.c
objects_of = $(patsubst %.c,$(O)/%.o,$(wildcard $(foreach dir,$1,$(addprefix $(dir),$(depths)))))
modules_of = $(filter-out %/main.o,$(call objects_of,$1))

base_objects := $(call objects_of,common ipam) $(O)/cJSON.o
unit_tests := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
netns_tests := $(patsubst tests/kernel/%.c,$(O)/tests/%,$(wildcard tests/kernel/test_*.c))
tests   := $(unit_tests) $(netns_tests)
fuzzers := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
replays := $(patsubst tests/fuzz/%.c,$(O)/replay/%,$(wildcard tests/fuzz/fuzz_*.c))
# fake_store.c is a fixture: it implements store.h and replaces no module.
fakes   := $(patsubst %.c,$(O)/%.o,$(filter-out %/fake_store.c,$(wildcard tests/unit/fake_*.c)))
fixtures := $(filter-out $(fakes) $(O)/tests/unit/test_%,\
	$(patsubst %.c,$(O)/%.o,$(wildcard tests/unit/*.c)))
archives := $(O)/plugin.a $(O)/daemon.a $(O)/ctl.a $(O)/base.a
objects := $(call objects_of,common ipam plugin daemon ctl tests/unit tests/kernel tests/fuzz tests/race) $(O)/tests/bench/entries.o

# Release programs are in $(BUILD)/, stripped; those of other modes are in $(O)/.
bin := $(if $(filter release,$(MODE)),$(BUILD),$(O))

# ---- Building -------------------------------------------------------------

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help deps deps-build deps-vm deps-kubernetes check-kernel \
	check-kubernetes deps-cross check-cross need-build need-cmocka need-system need-demo run-demo objects tests \
	fuzzers fuzz demo bench bench-kernel soak model check check-unit check-netns check-system check-asan lint \
	format man completions install uninstall dist image manifest deb deps-deb \
	check-packages clean distclean FORCE

# Prints a command's short name instead of its text, unless V=1.
say = $(if $(V),,@printf '  %-5s %s\n' $1 $@;)

all: $(addprefix $(bin)/,$(programs)) man ## build weft, weftd, weftctl and the man pages (the default)

ifeq ($(MODE),release)
$(BUILD)/%: $(O)/%
	$(call say,STRIP)$(STRIP) -o $@.new $< && mv -f $@.new $@
endif

$(O)/weft: $(O)/plugin/main.o $(O)/plugin.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) $(static) $(LDFLAGS) -o $@ $^ $(weft_libs)
$(O)/weftd: $(O)/daemon/main.o $(O)/daemon.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(weftd_libs)
$(O)/weftctl: $(O)/ctl/main.o $(O)/ctl.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(weftctl_libs)

# An archive is always created from scratch: ar(1) would keep members whose source is deleted.
$(O)/base.a: $(base_objects)
$(O)/plugin.a: $(call modules_of,plugin)
$(O)/daemon.a: $(call modules_of,daemon)
$(O)/ctl.a: $(call modules_of,ctl)
$(archives): %.a: %.members
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $(filter %.o,$^)

$(O)/%.o: %.c $(O)/flags $(O)/include/cjson/cJSON.h | need-build
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(cppflags) $(defines) $(CPPFLAGS) $(cflags) $(warnings) $(CFLAGS) -MMD -MP -c -o $@ $<

# Only this file depends on the commit.
$(O)/common/build_version.o: defines := $(if $(commit),-DWEFT_COMMIT='"$(commit)"')
$(O)/common/build_version.o: $(O)/commit

# cJSON is not weft's code: its warnings are not shown.
$(O)/cJSON.o: $(O)/include/cjson/cJSON.c $(O)/flags
	$(call say,CC)$(CC) $(CPPFLAGS) $(cflags) $(CFLAGS) -w -c -o $@ $<

# The sources include <cjson/cJSON.h>, whatever the name of CJSON_SOURCE. A copy is
# replaced only if it differs, so that nothing is compiled again without need.
$(O)/include/cjson/cJSON.h $(O)/include/cjson/cJSON.c: FORCE | need-build
	@mkdir -p $(@D)
	@cmp -s $(CJSON_SOURCE)/$(@F) $@ || cp $(CJSON_SOURCE)/$(@F) $@

# Files that are written only when their content changes: the flags of all objects,
# and the list of objects in each archive.
$(O)/flags: text = $(CC) $(cppflags) $(CPPFLAGS) $(cflags) $(warnings) $(CFLAGS)
$(O)/base.members: text = $(base_objects)
$(O)/plugin.members $(O)/daemon.members $(O)/ctl.members: \
	text = $(call modules_of,$(basename $(@F)))
$(O)/commit: text = $(commit)
$(O)/flags $(O)/commit $(archives:.a=.members): FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(text))' | cmp -s - $@ || echo '$(subst ','\'',$(text))' >$@

# For clangd and other tools that need each file's compiler flags.
compile_commands.json: $(O)/flags $(O)/include/cjson/cJSON.h FORCE ## write a compilation database, for clangd and the like
	@conf/build/compile_commands.sh $< $(sort $(objects:$(O)/%.o=%.c)) >$@.new && mv -f $@.new $@

# ---- Dependencies ---------------------------------------------------------

deps: ## install all dependencies, also of tests and lint, and fetch cJSON's source (Debian; as root)
	@conf/build/deps.sh all
	@conf/build/cjson.sh $(CJSON_SOURCE)

deps-build: ## install the dependencies of the build alone (Debian; as root)
	@conf/build/deps.sh build
	@conf/build/cjson.sh $(CJSON_SOURCE)

deps-vm: ## install what check-kernel needs: debootstrap, qemu (Debian; as root)
	@conf/build/deps.sh vm

deps-kubernetes: ## build Kubernetes for check-kubernetes, 10 minutes, once (Debian; as root; WEFT_CACHE=)
	@conf/build/deps.sh kubernetes
	@conf/build/kubernetes.sh

cross_arches := $(or $(ARCHES),arm64 s390x)

deps-cross: ## make a root file system with cross compilers, for check-cross (Debian; as root; ARCHES=, WEFT_CACHE=)
	@conf/build/deps.sh cross
	@tests/cross/root.sh $(cross_arches)

# Stop with one message if a dependency is missing, before any other command of the target runs.
need := PKG_CONFIG='$(PKG_CONFIG)' conf/build/need.sh

need-build:
	@$(need) $(firstword $(CC)) $(AR) $(STRIP) $(build_libs:%=pkg:%) file:$(CJSON_SOURCE)/cJSON.c

need-cmocka: need-build
	@$(need) pkg:cmocka

need-system: need-build
	@$(need) bats jq etcd etcdctl ip nft ping tcpdump python3 prometheus promtool

need-demo: need-build
	@$(need) jq ip ping tcpdump $(if $(filter file,$(STORE)),,etcd etcdctl)

# ---- Tests ----------------------------------------------------------------
# tests/unit/test_x.c, and tests/kernel/test_x.c, which needs root, is linked with all archives,
# that is, with everything but the programs' main.c. A line such as `/* fake: nl netns */` in a
# test replaces modules: tests/unit/fake_nl.o and fake_netns.o are then linked before the
# archives, and so take precedence over the members that define the same functions.

fakes_of = $(patsubst %,$(O)/tests/unit/fake_%.o,\
	$(shell sed -n 's|^/\* fake: \(.*\) \*/$$|\1|p' $1))

tests: $(tests) ## build the unit tests

# The other files of tests/unit are fixtures: those that a test includes are linked before the
# archive of all of them, which provides the fixtures that these use. So two fixtures
# may define the same name for different tests.
fixtures_of = $(filter $(fixtures),$(patsubst %,$(O)/%.o,\
	$(shell sed -n 's|^.include "\(tests/unit/.*\)\.h"$$|\1|p' $1)))

$(O)/fixtures.a: $(fixtures)
	@rm -f $@
	$(call say,AR)$(AR) rcs $@ $^

link_test = $(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $< \
	$(call fakes_of,$(patsubst $(O)/%.o,%.c,$<)) $(call fixtures_of,$(patsubst $(O)/%.o,%.c,$<)) \
	$(O)/fixtures.a $(archives) $(test_libs)

$(unit_tests): $(O)/tests/test_%: $(O)/tests/unit/test_%.o $(fakes) $(O)/fixtures.a $(archives) | need-cmocka
	$(link_test)
$(netns_tests): $(O)/tests/test_%: $(O)/tests/kernel/test_%.o $(fakes) $(O)/fixtures.a $(archives) | need-cmocka
	$(link_test)

$(call objects_of,tests/unit tests/kernel): | need-cmocka

# tests/fuzz/fuzz_x.c is linked twice: with libFuzzer, to search for inputs, and with replay.c, to
# run the inputs in tests/fuzz/corpus/x/ as a unit test.
fuzzers: $(fuzzers) ## build the fuzzers (MODE=fuzz)

$(O)/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -fsanitize=fuzzer -pie $(LDFLAGS) -o $@ $^ \
		$(weftd_libs)

$(O)/replay/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/replay.o $(archives)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(weftd_libs)

fuzz: ## search for inputs that break a parser, SECONDS=60 for each
	@$(need) clang
	@$(MAKE) --no-print-directory MODE=fuzz fuzzers
	@FUZZ_DIR=$(BUILD)/fuzz-found tests/fuzz/run.sh $(or $(SECONDS),60) \
		$(patsubst $(O)/fuzz/%,$(BUILD)/fuzz/fuzz/%,$(fuzzers))

check: ## install what is missing, and run all tests and the model (as root)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory check-unit check-netns model check-system

check-unit: $(unit_tests) $(replays) ## run the unit tests, and the fuzzers' corpus
	@tests/run-unit.sh $(unit_tests) $(replays)

check-netns: $(netns_tests) ## run the tests of modules that need network namespaces (as root)
	@tests/run-unit.sh --kernel $(netns_tests)

system_tests := tests/system tests/conformance

# A node with a lease client and nothing else, for tests/system/nodes_race_for_subnets.bats.
racer := $(bin)/racer

$(O)/racer: $(O)/tests/race/racer.o $(O)/daemon.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(weftd_libs)

check-system: all $(racer) | need-system ## run the system tests, in network namespaces (as root)
	@WEFT_BIN_DIR=$(abspath $(bin)) tests/run-system.sh $(system_tests)

# The tests that run every verb of each program, its error paths and both address families.
# The other tests run the same code with more hosts or for longer.
asan_tests := $(patsubst %,tests/system/%.bats,configuration_changes_are_applied \
	containers_are_attached containers_are_dual_stack weftd_reports_errors \
	malformed_leases_keep_peers plugins_are_chained plugin_reports_errors \
	plugin_implements_all_verbs uplink_changes_are_applied weftctl_prints_status) tests/conformance/protocol.bats

check-asan: ## run the unit and kernel tests and some system tests under the sanitizers (as root)
	@$(MAKE) --no-print-directory MODE=asan system_tests='$(asan_tests)' check-unit check-netns check-system

check-kernel: all deb ## run the packages, the demo and some system tests on Debian's stock kernel in qemu, at most 25 minutes (as root; FILES=)
	@tests/kernel-vm/run.sh $(BUILD)/deb $(FILES)

check-kubernetes: all | need-system ## run the tests with a real Kubernetes, after deps-kubernetes (as root)
	@conf/build/kubernetes.sh --installed >/dev/null
	@$(need) containerd runc openssl busybox socat curl iptables
	@WEFT_BIN_DIR=$(abspath $(bin)) tests/run-system.sh tests/kubernetes

check-cross: need-system all ## build for arm64 and s390x, and run the unit tests and the plugin in qemu-user (as root; ARCHES=)
	@WEFT_BIN_DIR=$(abspath $(bin)) tests/cross/run.sh $(cross_arches)

model: ## check the model of the lease protocol, and its mutants (spin)
	@$(need) spin $(firstword $(CC))
	@tests/model/run.sh $(BUILD)/model

soak: all $(racer) | need-system ## race nodes for subnets under failures, for SECONDS=300 (as root)
	@WEFT_BIN_DIR=$(abspath $(bin)) RACE_SECONDS=$(or $(SECONDS),300) \
		tests/run-system.sh tests/system/nodes_race_for_subnets.bats

demo: ## show one overlay with three hosts and six containers (as root; KEEP=1 keeps them, STORE=file: without etcd)
	@$(MAKE) --no-print-directory deps
	@$(MAKE) --no-print-directory run-demo

run-demo: all | need-demo
	@WEFT_BIN_DIR=$(abspath $(bin)) KEEP=$(KEEP) STORE=$(STORE) tests/demo/demo.sh

$(O)/bench/entries: $(O)/tests/bench/entries.o $(O)/daemon.a $(O)/base.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(weftctl_libs)

bench: all $(O)/bench/entries | need-system ## measure, and compare with the reference plugins (as root; ONLY=peers: one topic)
	@WEFT_BIN_DIR=$(abspath $(bin)) WEFT_BUILD_DIR=$(abspath $(O)) ONLY='$(ONLY)' tests/bench/run.sh

bench-kernel: all $(O)/bench/entries ## count instructions on Debian's stock kernel in qemu, after deps-vm (as root; ONLY=datapath)
	@ONLY='$(ONLY)' tests/kernel-vm/bench.sh $(BUILD)/bench-kernel

objects: $(objects) ## compile all sources without linking

lint: | need-cmocka ## run compilers with -Werror, format check, static analysis and the checks of layers
	@$(need) gcc clang clang-format clang-tidy cppcheck shellcheck ctags jq
	@MAKE='$(MAKE)' BUILD=$(BUILD) CJSON_SOURCE=$(CJSON_SOURCE) tests/lint/run.sh

format: ## format the C sources with clang-format
	@$(need) clang-format
	@clang-format -i $$(find $(wildcard common ipam plugin daemon ctl tests) -name '*.[ch]')

# ---- Installing -----------------------------------------------------------

man := $(patsubst docs/%.scd,$(BUILD)/man/%,$(wildcard docs/*.scd))
man_dest = $(MANDIR)/man$(subst .,,$(suffix $1))/$(notdir $1)
completions := weftd weftctl

man: $(man) ## build the man pages

# scdoc(5) takes the left footer from the first line, "name(section)".
$(BUILD)/man/%: docs/%.scd Makefile
	@$(need) scdoc
	@mkdir -p $(@D)
	$(call say,MAN)sed '1s/$$/ "weft $(WEFT_VERSION)"/' $< | scdoc >$@

# A running program's file cannot be overwritten, but another file can be renamed to its name.
define put # mode, file, destination
install -D -m $1 $2 $(DESTDIR)$3.new && mv -f $(DESTDIR)$3.new $(DESTDIR)$3

endef

install: all ## install programs, unit, man pages, shell completions, examples
	$(call put,755,$(bin)/weft,$(CNI_BIN_DIR)/weft)
	$(call put,755,$(bin)/weftd,$(SBINDIR)/weftd)
	$(call put,755,$(bin)/weftctl,$(SBINDIR)/weftctl)
	sed 's|@SBINDIR@|$(SBINDIR)|g' conf/weftd.service | \
		install -D -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/weftd.service
	$(call put,644,conf/sysusers/weft.conf,$(SYSUSERSDIR)/weft.conf)
	$(call put,644,conf/tmpfiles/weft.conf,$(TMPFILESDIR)/weft.conf)
	$(foreach kind,link network,$(call put,644,conf/systemd-network/10-weft.$(kind),$(NETWORKDIR)/10-weft.$(kind)))
	$(call put,644,conf/network-manager/10-weft.conf,$(NMDIR)/10-weft.conf)
	$(call put,644,conf/10-weft.conflist,$(DOCDIR)/examples/10-weft.conflist)
	$(call put,644,conf/docker-weft.conf,$(DOCDIR)/examples/docker-weft.conf)
	$(call put,644,conf/prometheus/weft.rules.yml,$(DOCDIR)/examples/weft.rules.yml)
	$(call put,644,conf/grafana/weft.json,$(DOCDIR)/examples/weft-grafana.json)
	$(foreach page,$(man),$(call put,644,$(page),$(call man_dest,$(page))))
	$(foreach name,$(completions),$(call put,644,conf/completion/$(name).bash,$(BASHCOMPDIR)/$(name)))
	$(call put,644,conf/completion/weftctl.zsh,$(ZSHCOMPDIR)/_weftctl)
	$(call put,644,conf/completion/weftctl.fish,$(FISHCOMPDIR)/weftctl.fish)

# They are in the repository, because a cross-built weftctl does not run on the build machine.
completions: $(bin)/weftctl ## write the shell completions of weftctl again, after a change of its commands
	@for shell in bash zsh fish; do $< completion $$shell >conf/completion/weftctl.$$shell || exit; done

uninstall: ## remove the files that install created, with the same variables
	rm -f $(addprefix $(DESTDIR),$(CNI_BIN_DIR)/weft $(SBINDIR)/weftd $(SBINDIR)/weftctl \
		$(UNITDIR)/weftd.service $(SYSUSERSDIR)/weft.conf $(TMPFILESDIR)/weft.conf \
		$(NETWORKDIR)/10-weft.link $(NETWORKDIR)/10-weft.network $(NMDIR)/10-weft.conf $(completions:%=$(BASHCOMPDIR)/%) \
		$(ZSHCOMPDIR)/_weftctl $(FISHCOMPDIR)/weftctl.fish \
		$(foreach page,$(man),$(call man_dest,$(page))))
	rm -rf $(DESTDIR)$(DOCDIR)

# Of HEAD, without uncommitted changes. The same commit always gives the same bytes.
tarball := $(BUILD)/weft-$(WEFT_VERSION).tar.gz

dist: ## write the source archive of HEAD, $(BUILD)/weft-VERSION.tar.gz
	@$(need) git gzip
	@grep -q '^## \[$(WEFT_VERSION)\]' CHANGELOG.md || \
		{ echo 'CHANGELOG.md has no section for version $(WEFT_VERSION)' >&2; exit 1; }
	@mkdir -p $(BUILD)
	@git -c tar.umask=0022 archive --format=tar --prefix=weft-$(WEFT_VERSION)/ -o $(tarball:.gz=) HEAD
	@gzip -9 -n -f $(tarball:.gz=)
	@echo $(tarball)

# Of another architecture, in the root file system of deps-cross.
deb: ## write Debian packages and the source package of HEAD into $(BUILD)/deb (ARCH=arm64: the packages of arm64, into $(BUILD)/deb-arm64, after deps-cross)
	@$(need) git gzip $(if $(ARCH),dpkg-parsechangelog,dpkg-buildpackage dh scdoc) file:$(CJSON_SOURCE)/cJSON.c
	@conf/build/deb.sh $(WEFT_VERSION) $(CJSON_SOURCE) $(BUILD)/deb$(ARCH:%=-%) $(ARCH)

deps-deb: ## install what deb needs: debhelper, lintian, debootstrap (Debian; as root)
	@conf/build/deps.sh deb

check-packages: deb ## install, upgrade, remove and purge the packages in a root of Debian (as root)
	@$(need) lintian debootstrap bats
	@tests/packages/run.sh $(BUILD)/deb

IMAGE ?= localhost/weft:$(WEFT_VERSION)
image := $(BUILD)/weft-$(WEFT_VERSION).oci.tar

# The same programs and libraries give the same bytes.
image: all ## write a container image, $(BUILD)/weft-VERSION.oci.tar, without a registry (IMAGE=NAME:TAG)
	@$(need) ldd tar gzip sha256sum jq
	@conf/build/image.sh $(bin) $(IMAGE) $(image)
	@echo $(image)

manifest: ## write conf/kubernetes/weft.yaml from base and node beside it
	@conf/build/manifest.sh $(IMAGE) >conf/kubernetes/weft.yaml.new
	@mv -f conf/kubernetes/weft.yaml.new conf/kubernetes/weft.yaml

# ---- Cleaning -------------------------------------------------------------

clean: ## remove build products, but not cJSON's source
	rm -rf $(filter-out $(BUILD)/cjson $(CJSON_SOURCE),$(wildcard $(BUILD)/*)) compile_commands.json

distclean: ## remove the build directory, with cJSON's source
	rm -rf $(BUILD) compile_commands.json

help: ## print this list
	@sed -n 's/^\([a-z_.-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

-include $(objects:.o=.d)
