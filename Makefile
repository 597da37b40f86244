# SPDX-License-Identifier: Apache-2.0
#
# weft's build. `make help` lists the targets. Settings, as arguments of make:
#
#   MODE=release|debug|asan|fuzz|cov   objects go to $(BUILD)/$(MODE)/
#   CC=gcc|clang   CFLAGS=...          WERROR=1 makes warnings errors
#   BUILD=build   V=1                  where everything goes; show whole commands
#   DESTDIR= PREFIX=/usr/local CNI_BIN_DIR=/opt/cni/bin    for install
#
# Sources are found by directory: common/ and ipam/ become one archive, each
# program's directory (without its main.c) another, so that every program, and
# every test, takes from them what it uses and no more.

WEFT_VERSION := 0.1.0

MODE   ?= release
BUILD  ?= build
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
DOCDIR ?= $(PREFIX)/share/doc/weft
CNI_BIN_DIR ?= /opt/cni/bin
CJSON  ?= $(BUILD)/cjson
LIBNL_INCLUDE ?= /usr/include/libnl3

ifeq ($(origin CC),default)
CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
endif

O := $(BUILD)/$(MODE)

# ---- Flags ----------------------------------------------------------------

cppflags := -I. -isystem $(dir $(CJSON)) -isystem $(LIBNL_INCLUDE) \
	    -D_GNU_SOURCE -DWEFT_VERSION='"$(WEFT_VERSION)"'

warnings := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion \
	    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	    -Wformat=2 -Wvla -Wswitch-enum -Wcast-qual -Wcast-align -Wundef \
	    -Wwrite-strings -Wpointer-arith -Wnested-externs -Wredundant-decls $(if $(WERROR),-Werror)

harden := -fPIE -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
harden += $(if $(filter x86_64 i686,$(shell uname -m)),-fcf-protection)
ifneq ($(findstring clang,$(CC)),)
# clang 14 wants to be told twice; later versions take the flag and ignore it.
harden += -enable-trivial-auto-var-init-zero-knowing-it-will-be-removed-from-clang
# It counts inline functions that VEC_DEFINE makes as unused; gcc finds the others.
warnings += -Wno-unused-function
endif

# Fortification needs the optimiser; the sanitizers bring stronger checks of their own.
sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	    -DJSON_BLOCK_MAX=1
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

# weft is started for every container: static, it starts in half the time. libnl
# refers to name look-ups, which weft never makes and a static program cannot make
# reliably; they become abort(), and the resolver stays out of the program. The
# sanitizers' run-time libraries cannot be linked statically.
lookups := getaddrinfo getnameinfo getprotobyname getprotobynumber
static := -static-pie $(lookups:%=-Wl,--defsym=%=abort)
ifneq ($(filter asan fuzz,$(MODE)),)
static := -pie
endif

# ---- Sources --------------------------------------------------------------

programs := weft weftd weftctl
objects_of = $(patsubst %.c,$(O)/%.o,$(wildcard $(addsuffix /*.c,$1)))
modules_of = $(filter-out %/main.o,$(call objects_of,$1))

base_objects := $(call objects_of,common ipam) $(O)/cJSON.o
tests   := $(patsubst tests/unit/%.c,$(O)/tests/%,$(wildcard tests/unit/test_*.c))
fuzzers := $(patsubst tests/fuzz/%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
replays := $(patsubst tests/fuzz/%.c,$(O)/replay/%,$(wildcard tests/fuzz/fuzz_*.c))
fakes   := $(patsubst %.c,$(O)/%.o,$(wildcard tests/unit/fake_*.c))
archives := $(O)/plugin.a $(O)/daemon.a $(O)/ctl.a $(O)/base.a
objects := $(call objects_of,common ipam plugin daemon ctl tests/unit tests/fuzz tests/race) $(O)/tests/bench/entries.o

# Release programs stand stripped in $(BUILD)/, those of other modes in $(O)/.
bin := $(if $(filter release,$(MODE)),$(BUILD),$(O))

# ---- Building -------------------------------------------------------------

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help deps objects tests fuzzers fuzz demo bench soak model check check-unit check-system \
	check-asan lint format install uninstall clean distclean FORCE

# Shows a command's short name instead of its text, unless V=1.
say = $(if $(V),,@printf '  %-5s %s\n' $1 $@;)

all: $(addprefix $(bin)/,$(programs)) ## build weft, weftd and weftctl (the default)

ifeq ($(MODE),release)
$(BUILD)/%: $(O)/%
	$(call say,STRIP)strip -o $@.new $< && mv -f $@.new $@
endif

$(O)/weft: $(O)/plugin/main.o $(O)/plugin.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) $(static) $(LDFLAGS) -o $@ $^ -lnl-3 -lcap
$(O)/weftd: $(O)/daemon/main.o $(O)/daemon.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ -lcurl -levent_core -levent_extra -lnl-3 -lcap
$(O)/weftctl: $(O)/ctl/main.o $(O)/ctl.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ -lnl-3

# Archives are made anew, or they would keep members whose source has gone.
$(O)/base.a: $(base_objects)
$(O)/plugin.a: $(call modules_of,plugin)
$(O)/daemon.a: $(call modules_of,daemon)
$(O)/ctl.a: $(call modules_of,ctl)
$(archives): %.a: %.members
	@rm -f $@
	$(call say,AR)ar rcs $@ $(filter %.o,$^)

$(O)/%.o: %.c $(O)/flags | $(BUILD)/.deps-build $(CJSON)/cJSON.h
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(cppflags) $(CPPFLAGS) $(cflags) $(warnings) $(CFLAGS) -MMD -MP -c -o $@ $<

# Others' code, others' warnings.
$(O)/cJSON.o: $(CJSON)/cJSON.h $(O)/flags
	$(call say,CC)$(CC) $(CPPFLAGS) $(cflags) $(CFLAGS) -w -c -o $@ $(CJSON)/cJSON.c

# Files that change only when what they say does: the flags behind every object,
# the list of objects behind every archive.
$(O)/flags: text = $(CC) $(cppflags) $(CPPFLAGS) $(cflags) $(warnings) $(CFLAGS)
$(O)/base.members: text = $(base_objects)
$(O)/plugin.members $(O)/daemon.members $(O)/ctl.members: \
	text = $(call modules_of,$(basename $(@F)))
$(O)/flags $(archives:.a=.members): FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(text))' | cmp -s - $@ || echo '$(subst ','\'',$(text))' >$@

# ---- Dependencies ---------------------------------------------------------

deps: $(CJSON)/cJSON.h ## install what the build and the tests need (Debian; as root)
	@conf/build/deps.sh all

$(BUILD)/.deps-%: conf/build/deps.sh
	@conf/build/deps.sh $*
	@mkdir -p $(@D) && touch $@

$(CJSON)/cJSON.h: | $(BUILD)/.deps-build
	@conf/build/cjson.sh $(CJSON)

# ---- Tests ----------------------------------------------------------------
# tests/unit/test_x.c is linked with all that the programs are made of, but for
# their main.c. A test that replaces a module says so on a line of its own, as in
# `/* fake: nl netns */`: tests/unit/fake_nl.o and fake_netns.o then come before
# the archives, and so win over the members of the same names.

test_libs := -lcmocka -lcurl -levent_core -levent_extra -lnl-3 -lcap
fakes_of = $(patsubst %,$(O)/tests/unit/fake_%.o,\
	$(shell sed -n 's|^/\* fake: \(.*\) \*/$$|\1|p' $1))

tests: $(tests) ## build the unit tests

$(O)/tests/test_%: $(O)/tests/unit/test_%.o $(fakes) $(archives) | $(BUILD)/.deps-test
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $< $(call fakes_of,tests/unit/test_$*.c) \
		$(archives) $(test_libs)

$(call objects_of,tests/unit): | $(BUILD)/.deps-test

# tests/fuzz/fuzz_x.c is linked twice: with libFuzzer, to look for inputs, and with replay.c, to
# run those of tests/fuzz/corpus/x/ as a unit test.
fuzzers: $(fuzzers) ## build the fuzzers (MODE=fuzz)

$(O)/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(archives)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -fsanitize=fuzzer -pie $(LDFLAGS) -o $@ $^ \
		$(filter-out -lcmocka,$(test_libs))

$(O)/replay/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/replay.o $(archives)
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ $(filter-out -lcmocka,$(test_libs))

fuzz: | $(BUILD)/.deps-test ## look for inputs that break a parser, SECONDS=60 for each
	@$(MAKE) --no-print-directory MODE=fuzz fuzzers
	@FUZZ_DIR=$(BUILD)/fuzz-found tests/fuzz/run.sh $(or $(SECONDS),60) \
		$(patsubst $(O)/fuzz/%,$(BUILD)/fuzz/fuzz/%,$(fuzzers))

check: check-unit model check-system ## run the unit tests, the model and the system tests (as root)

check-unit: $(tests) $(replays) ## run the unit tests, and the fuzzers' corpus
	@tests/run-unit.sh $(tests) $(replays)

system_tests := tests/system tests/conformance

# A node that has a lease and nothing else, for tests/system/nodes_race_for_subnets.bats.
racer := $(bin)/racer

$(O)/racer: $(O)/tests/race/racer.o $(O)/daemon.a $(O)/base.a
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ -lcurl -levent_core -levent_extra -lnl-3 -lcap

check-system: all $(racer) $(BUILD)/.deps-test ## run the system tests, in network namespaces (as root)
	@WEFT_BIN_DIR=$(abspath $(bin)) tests/run-system.sh $(system_tests)

# Those that lead every program through its verbs, its refusals of wrong input and both
# families: the others take the same code's ways again, with more hosts or for longer.
asan_tests := $(patsubst %,tests/system/%.bats,configuration_is_followed \
	containers_are_attached containers_have_both_families daemon_names_what_is_wrong \
	malformed_leases_remove_nobody other_plugins_follow plugin_names_what_is_wrong \
	plugin_speaks_all_verbs uplink_is_followed weftctl_shows) tests/conformance/protocol.bats

check-asan: ## unit tests and some system tests, built with the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory MODE=asan system_tests='$(asan_tests)' check-unit check-system

model: | $(BUILD)/.deps-test ## check the model of the lease protocol, and its mutants (spin)
	@tests/model/run.sh $(BUILD)/model

soak: all $(racer) | $(BUILD)/.deps-test ## nodes that race for subnets while all fails, for SECONDS=300 (as root)
	@WEFT_BIN_DIR=$(abspath $(bin)) RACE_SECONDS=$(or $(SECONDS),300) \
		tests/run-system.sh tests/system/nodes_race_for_subnets.bats

demo: all | $(BUILD)/.deps-test ## three hosts, six containers, one overlay (as root; KEEP=1 lets it stand, STORE=file: no etcd)
	@WEFT_BIN_DIR=$(abspath $(bin)) KEEP=$(KEEP) STORE=$(STORE) tests/demo/demo.sh

$(O)/bench/entries: $(O)/tests/bench/entries.o $(O)/daemon.a $(O)/base.a
	@mkdir -p $(@D)
	$(call say,LD)$(CC) $(ldflags) -pie $(LDFLAGS) -o $@ $^ -lnl-3

bench: all $(O)/bench/entries | $(BUILD)/.deps-test ## measure, and compare with the reference plugins (as root; ONLY=peers: a topic)
	@WEFT_BIN_DIR=$(abspath $(bin)) WEFT_BUILD_DIR=$(abspath $(O)) ONLY='$(ONLY)' tests/bench/run.sh

objects: $(objects) ## compile everything, link nothing

lint: $(CJSON)/cJSON.h | $(BUILD)/.deps-test ## compilers, formatting, static analysis, layers
	@MAKE='$(MAKE)' BUILD=$(BUILD) CJSON=$(CJSON) tests/lint/run.sh

format: | $(BUILD)/.deps-test ## put the sources into the form of .clang-format
	@clang-format -i $$(find $(wildcard common ipam plugin daemon ctl tests) -name '*.[ch]')

# ---- Installing -----------------------------------------------------------

man := $(patsubst docs/%.scd,$(BUILD)/man/%,$(wildcard docs/*.scd))
man_dest = $(MANDIR)/man$(subst .,,$(suffix $1))/$(notdir $1)

$(BUILD)/man/%: docs/%.scd | $(BUILD)/.deps-build
	@mkdir -p $(@D)
	$(call say,MAN)scdoc <$< >$@

$(BUILD)/weftd.service: conf/weftd.service FORCE
	@mkdir -p $(@D)
	@sed 's|@SBINDIR@|$(SBINDIR)|g' $< >$@

# A program that is running cannot be written over, but its name can pass to another file.
define put # mode, file, place
install -D -m $1 $2 $(DESTDIR)$3.new && mv -f $(DESTDIR)$3.new $(DESTDIR)$3

endef

install: all $(man) $(BUILD)/weftd.service ## install programs, unit, man pages, example
	$(call put,755,$(bin)/weft,$(CNI_BIN_DIR)/weft)
	$(call put,755,$(bin)/weftd,$(SBINDIR)/weftd)
	$(call put,755,$(bin)/weftctl,$(SBINDIR)/weftctl)
	$(call put,644,$(BUILD)/weftd.service,$(UNITDIR)/weftd.service)
	$(call put,644,conf/sysusers/weft.conf,$(SYSUSERSDIR)/weft.conf)
	$(call put,644,conf/10-weft.conflist,$(DOCDIR)/examples/10-weft.conflist)
	$(foreach page,$(man),$(call put,644,$(page),$(call man_dest,$(page))))

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(CNI_BIN_DIR)/weft $(SBINDIR)/weftd $(SBINDIR)/weftctl \
		$(UNITDIR)/weftd.service $(SYSUSERSDIR)/weft.conf $(foreach page,$(man),$(call man_dest,$(page))))
	rm -rf $(DESTDIR)$(DOCDIR)

# ---- Cleaning -------------------------------------------------------------

clean: ## remove what was built, but not cJSON's source
	rm -rf $(filter-out $(CJSON),$(wildcard $(BUILD)/* $(BUILD)/.deps-*))

distclean: ## remove the build directory
	rm -rf $(BUILD)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

-include $(objects:.o=.d)
