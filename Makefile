# SPDX-License-Identifier: GPL-3.0-or-later
# holdfast: one plain Makefile. `make help` lists the targets.

# None of make's own rules is used: looking through them took most of the time of a small build.
MAKEFLAGS += -r
MODE   ?= release
CC     ?= cc
O      := build/$(MODE)
PREFIX ?= /usr
DESTDIR ?=
V      ?= 0
Q      := $(if $(filter 1,$(V)),,@)
say     = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) $(2))
VERSION := 0.5.0
# Of what is packed: the date of the newest entry in examples/debian/changelog, unless the caller has one.
SOURCE_DATE_EPOCH ?= $(shell date -ud "$$(sed -n 's/^ -- .*>  //p' examples/debian/changelog | head -n 1)" +%s)

WARN := -Wall -Wextra -Wconversion -Wvla -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wformat=2 -Wundef -Wno-sign-conversion
HARDEN := -fstack-protector-strong -fPIE -fcf-protection
CPPFLAGS_ALL := -std=c11 -D_GNU_SOURCE -I. -DHF_VERSION='"$(VERSION)"' -MMD -MP $(CPPFLAGS)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
ifeq ($(MODE),release)
CFLAGS_ALL := -O2 -g -D_FORTIFY_SOURCE=3 $(WARN) $(HARDEN) -ffile-prefix-map=$(CURDIR)=. $(CFLAGS)
else ifeq ($(MODE),asan)
CFLAGS_ALL := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer $(WARN) -fPIE $(CFLAGS)
LDFLAGS_ALL += -fsanitize=address,undefined
else ifeq ($(MODE),clang)
CC := clang
CFLAGS_ALL := -O2 -g $(WARN) -fstack-protector-strong -fPIE $(CFLAGS)
else ifeq ($(MODE),fuzz)
CC := clang
CFLAGS_ALL := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all $(WARN) -fPIE $(CFLAGS)
LDFLAGS_ALL += -fsanitize=address,undefined
else ifeq ($(MODE),fault)
# Every fallible call of our own objects goes through tests/fault/wrap.c.
CFLAGS_ALL := -O1 -g -fno-builtin -fsanitize=address -fno-omit-frame-pointer $(WARN) -fPIE $(CFLAGS)
LDFLAGS_ALL += -fsanitize=address $(O)/tests/fault/wrap.o \
	$(shell sed -n 's/^HF_WRAP.\([A-Za-z0-9_]*\),.*/-Wl,--wrap=\1/p' tests/fault/wrapped.def)
LIBS_FAULT := $(O)/tests/fault/wrap.o
else ifeq ($(MODE),cov)
CFLAGS_ALL := -O0 -g --coverage $(WARN) -fPIE $(CFLAGS)
LDFLAGS_ALL += --coverage
else
$(error MODE is release, asan, clang, fault, fuzz or cov)
endif
ifeq ($(WERROR),1)
CFLAGS_ALL += -Werror
endif

pkg = $(shell pkg-config $(1) 2>/dev/null)
LIBS_CORE := -lcrypto -lcbor -ljansson
LIBS_LINK := -lssl
LIBS_CTL  := -lcurl
LIBS_SERVER := -lmicrohttpd -lgnutls -lsqlite3 -lpq -lcurl -lpthread
LIBS_PCI  := -lpci
LIBS_TPM  := -ltss2-esys -ltss2-tctildr -ltss2-mu -ltss2-rc

# A folder is a library; a new file needs no line here. Programs are the files that hold main.
objs = $(patsubst %.c,$(O)/%.o,$(sort $(wildcard $(1)/*.c)))
LIB_MEASURE   := $(call objs,measure)
LIB_PCIE      := $(call objs,pcie)
LIB_MANIFESTS := $(call objs,manifests) $(call objs,manifests/adapters)
AGENT_OBJS    := $(filter-out $(O)/agent/main.o,$(call objs,agent))
CTL_OBJS      := $(filter-out $(O)/controller/holdfastctl.o,$(call objs,controller))
SERVER_OBJS   := $(filter-out $(O)/controller/server/holdfastd.o,$(call objs,controller/server)) $(O)/controller/server/openapi.o
LIBS_A := $(O)/libmanifests.a $(O)/libpcie.a $(O)/libmeasure.a

UNIT_NAMES := $(patsubst tests/unit/test_%.c,%,$(sort $(wildcard tests/unit/test_*.c)))
UNIT_BINS  := $(addprefix $(O)/tests/unit/test_,$(UNIT_NAMES))
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_BINS  := $(addprefix $(O)/tests/fuzz/fuzz_,$(FUZZ_NAMES))

.PHONY: all objects help deps deps-check check check-units demo demo-census demo-3am demo-evil-tenant demo-wave demo-scale lab bench fuzz install clean units fuzzers portable deb
all: $(O)/holdfast $(O)/holdfastctl $(O)/holdfastd  ## build agent, operator's tool and controller

help:  ## this list
	@awk -F':.*## ' '/^[a-zA-Z_-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  MODE=release|asan|clang|fault|fuzz|cov   V=1   WERROR=1   DESTDIR=   HOLDFAST_CORPUS=DIR"

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

$(O)/controller/server/db_postgres.o $(O)/controller/server/db_postgres_link.o: CPPFLAGS_ALL += $(call pkg,--cflags libpq)
# The description of the API goes into holdfastd as it is.
$(O)/controller/server/openapi.c: docs/openapi.json
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q){ echo '#include "controller/server/openapi.h"'; echo 'const uint8_t hf_openapi[] = {'; \
	  od -An -v -tx1 $< | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'; echo '};'; \
	  echo 'const size_t hf_openapi_size = sizeof(hf_openapi);'; } > $@.new && mv $@.new $@
$(O)/controller/server/openapi.o: $(O)/controller/server/openapi.c
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<
$(O)/libmeasure.a: $(LIB_MEASURE)
$(O)/libpcie.a: $(LIB_PCIE)
$(O)/libmanifests.a: $(LIB_MANIFESTS)
$(O)/libagent.a: $(AGENT_OBJS)
$(O)/libcontroller.a: $(CTL_OBJS)
$(O)/libserver.a: $(SERVER_OBJS)
$(O)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^

$(O)/holdfast: $(LIBS_FAULT) $(O)/agent/main.o $(O)/libagent.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter-out $(LIBS_FAULT),$^) $(LIBS_TPM) $(LIBS_PCI) $(LIBS_LINK) $(if $(LIBS_FAULT),$(LIBS_SERVER)) $(LIBS_CORE)

$(O)/holdfastctl: $(LIBS_FAULT) $(O)/controller/holdfastctl.o $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter-out $(LIBS_FAULT),$^) $(LIBS_CTL) $(LIBS_CORE) $(if $(LIBS_FAULT),$(LIBS_TPM) $(LIBS_SERVER))

$(O)/holdfastd: $(LIBS_FAULT) $(O)/controller/server/holdfastd.o $(O)/libserver.a $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter-out $(LIBS_FAULT),$^) $(LIBS_SERVER) $(LIBS_CORE) $(if $(LIBS_FAULT),$(LIBS_TPM))

# A test of one module links every library it may use. Tests named agent_*, controller_* and
# server_* also link that folder; server_enrol has an agent enrol.
unit_libs = $(if $(filter agent_% server_enrol,$(1)),$(O)/libagent.a) $(if $(filter controller_%,$(1)),$(O)/libcontroller.a) $(if $(filter server_%,$(1)),$(O)/libserver.a $(O)/libcontroller.a) $(LIBS_A)
unit_link = $(if $(filter agent_% server_enrol,$(1)),$(LIBS_LINK)) $(if $(filter controller_%,$(1)),$(LIBS_CTL)) $(if $(filter server_%,$(1)),$(LIBS_SERVER))
.SECONDARY:
.SECONDEXPANSION:
$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $$(call unit_libs,$$*)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS_TPM) $(LIBS_PCI) $(call unit_link,$*) $(LIBS_CORE)
$(O)/tests/server/%: $(O)/tests/server/%.o $(O)/libserver.a $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_SERVER) $(LIBS_CORE)
# The gate's appraisal, of captures: never installed.
$(O)/tests/census/judge: $(O)/tests/census/judge.o $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(LIBS_CTL) $(LIBS_CORE)
# The controller's handlers with one call failing; MODE=fault alone.
$(O)/tests/fault/controller_steps: $(LIBS_FAULT) $(O)/tests/fault/controller_steps.o $(O)/libserver.a $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter-out $(LIBS_FAULT),$^) -lcmocka $(LIBS_TPM) $(LIBS_PCI) $(LIBS_SERVER) $(LIBS_CORE)
# A double for a fleet of hosts: never installed.
$(O)/tests/fleet/fleet: $(call objs,tests/fleet) $(O)/libserver.a $(O)/libcontroller.a $(LIBS_A)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LIBS_LINK) $(LIBS_SERVER) $(LIBS_CORE)
$(O)/tests/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $$(call unit_libs,$$*)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LIBS_PCI) $(call unit_link,$*) $(LIBS_CORE)

# Preloaded into the programs by tests: never part of them, never installed. Tests that run side
# by side make it, and load it: it appears whole.
$(O)/tests/trees/mailbox_shim.so: tests/trees/mailbox_shim.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g $(WARN) -fPIC -shared -o $@.$$$$ $< && mv $@.$$$$ $@

objects: $(LIB_MEASURE) $(LIB_PCIE) $(LIB_MANIFESTS) $(call objs,agent) $(call objs,controller) $(call objs,controller/server)  ## compile everything
units: $(UNIT_BINS) $(O)/tests/census/judge  ## build the unit tests of this MODE
fuzzers:  ## build the fuzz targets
	$(Q)$(MAKE) --no-print-directory MODE=fuzz fuzzers-all
.PHONY: fuzzers-all
fuzzers-all: $(FUZZ_BINS)

deps:  ## install the Debian packages this project needs
	@tests/deps.sh install
deps-check:
	@tests/deps.sh check

check:  ## install what is missing, build, and pass every test
	@tests/check.sh

demo:  ## boot the lab host to release, and tampered ones to hold
	@tests/lab/demo.sh

demo-3am: all $(O)/tests/fleet/fleet  ## a controller dies while 200 hosts boot, and a held host is waived by the runbook
	@V=1 MODE=$(MODE) python3 tests/server/run.py night

demo-wave: all  ## a firmware wave: tried, audited, enforced; an old host updates itself, rollback is refused
	@V=1 MODE=$(MODE) python3 tests/server/run.py "wave:"

demo-evil-tenant: all  ## a tenant flashes a card, then hides it: held twice, by slot and lease, proven offline
	@python3 tests/lab/lab.py run evil-tenant --show
	@tail -n 60 build/lab/out/evil-tenant.*.txt

demo-census: all $(O)/tests/census/judge  ## find four odd cards among 1,000 hosts, and draft their manifests
	@MODE=$(MODE) tests/census/demo.sh

demo-scale: all  ## a locked-down 8-GPU server with a TPM of 5 ms: what the gate costs there
	@MODE=$(MODE) python3 tests/trees/demo_scale.py

lab: all  ## one lab scenario: make lab SCENARIO=rom-flipped (none: list them)
	@python3 tests/lab/lab.py $(if $(SCENARIO),run $(SCENARIO),list)

bench: all  ## time the agent against its floor and against a shell pipeline
	@python3 tests/bench/bench.py

fuzz: fuzzers  ## run every fuzz target for FUZZ_SECONDS (default 60) each
	@tests/fuzz/run.sh build/fuzz $(or $(FUZZ_SECONDS),60)

SHARE := $(DESTDIR)$(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system
ZSHDIR  ?= $(PREFIX)/share/zsh/site-functions
install: all  ## install into DESTDIR, below PREFIX
	install -D -m 755 $(O)/holdfast $(DESTDIR)$(PREFIX)/sbin/holdfast
	install -D -m 755 agent/gate-image $(DESTDIR)$(PREFIX)/sbin/holdfast-gate-image
	install -D -m 755 $(O)/holdfastctl $(DESTDIR)$(PREFIX)/bin/holdfastctl
	install -D -m 755 $(O)/holdfastd $(DESTDIR)$(PREFIX)/sbin/holdfastd
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|/usr/local/|$(PREFIX)/|' controller/systemd/holdfastd.service > $(DESTDIR)$(UNITDIR)/holdfastd.service
	install -D -m 644 controller/systemd/holdfast.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/holdfast-controller.conf
	install -D -m 644 controller/systemd/holdfastd.conf $(DESTDIR)/etc/holdfast/holdfastd.conf
	for m in docs/man/*.[0-9]; do \
	  install -D -m 644 $$m $(SHARE)/man/man$${m##*.}/$${m##*/}; done
	for p in holdfast holdfastctl holdfastd; do \
	  install -D -m 644 docs/completion/holdfast.bash $(SHARE)/bash-completion/completions/$$p; \
	  install -D -m 644 docs/completion/holdfast.zsh $(DESTDIR)$(ZSHDIR)/_$$p; done
	install -D -m 755 agent/initramfs/step $(DESTDIR)$(PREFIX)/lib/holdfast/initramfs-step
	install -D -m 755 agent/initramfs/hook $(SHARE)/initramfs-tools/hooks/holdfast
	install -D -m 755 agent/initramfs/init-top $(SHARE)/initramfs-tools/scripts/init-top/00-holdfast
	install -D -m 755 agent/initramfs/module-setup.sh \
	  $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90holdfast/module-setup.sh
	install -D -m 755 agent/initramfs/pre-udev.sh \
	  $(DESTDIR)$(PREFIX)/lib/dracut/modules.d/90holdfast/pre-udev.sh
	install -D -m 644 agent/initramfs/initramfs.conf $(DESTDIR)/etc/holdfast/initramfs.conf

# The C library is part of the starter, and of nothing else.
$(O)/starter: agent/portable/starter.c
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O2 $(WARN) -static -o $@ $<

PORTABLE := build/holdfast-$(VERSION)-x86_64.tar.gz
portable: $(O)/holdfast $(O)/starter  ## one tar for a look at hosts of any distribution
	$(call say,TAR,$(PORTABLE))
	$(Q)SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) agent/portable/pack.sh $(O)/holdfast $(O)/starter $(VERSION) $(PORTABLE)

# debhelper works beside debian/, so it gets a folder of its own and leaves none here.
deb: all  ## Debian packages, into build/deb
	@rm -rf build/deb && mkdir -p build/deb/work
	$(call say,DEB,build/deb)
	$(Q)cp -r examples/debian build/deb/work/
	$(Q)cd build/deb/work && HOLDFAST_SOURCE=$(CURDIR) dpkg-buildpackage -b -us -uc -nc \
	  >../build.log 2>&1 || { tail -n 30 ../build.log >&2; exit 1; }
	$(Q)rm -rf build/deb/work

clean:  ## remove what was built
	rm -rf build

-include $(shell [ -d $(O) ] && find $(O) -name '*.d')
