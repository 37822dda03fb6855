# 娘家 Niangjia — `make help` says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help venv run tour test check audit mutants format screenshots minio lock openapi bench bench-uploads \
	bench-backups races rush faults browser-parts clean

# What was compiled is kept: hundreds of processes are started by the tests, and a machine may say otherwise.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# The project stopped publishing binaries and images: this is the last commit of its repository.
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c
CODE := backend admin storage tests
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

help: ## 显示本说明 · show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: $(STAMP) ## 建立虚拟环境 · make the virtual environment from the lock

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no venv module: apt-get install python3-venv" >&2; exit 1; }
	@# The lock is whole: resolving again would only trip over extras in older versions of pip.
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/pip check --disable-pip-version-check >/dev/null
	@touch $@

run: venv ## 启动全部服务(演示) · start everything: database, store, api, console, worker
	@exec $(BIN)/niangjia run

tour: venv ## 走完整个流程 · play the whole story against the running stack
	@exec $(BIN)/niangjia tour

test: check browser-parts ## 全部测试 · install what the tests need, then run all of them
	@NIANGJIA_BIN=$(BIN) tests/run

check: venv ## 静态检查与结构检查 · format, lint, types, imports, schema, routes, single writer
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml backend admin storage
	$(BIN)/python -m pytest tests/checks -q

audit: venv ## 依赖的已知漏洞 · ask the index about known holes in what the lock names; says so where none answers
	@tests/audit-dependencies requirements.lock

mutants: venv ## 变异测试规则 · mutate the rules and count how many mutants the unit tests catch
	@$(BIN)/python -m tests.mutants $(NAMES)

format: venv ## 整理格式 · put the code in order
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

screenshots: venv browser-parts ## 重拍 docs/screenshots · take the pictures of the console anew, on a demonstration of their own
	$(BIN)/python -m tests.e2e.screenshots

bench: venv ## 与手写基线对比测速(QUICK=1 三分钟) · measure beside the floor into build/bench.json; DATABASE_URL measures another PostgreSQL
	@command -v wrk >/dev/null || { echo "wrk is needed: apt-get install wrk" >&2; exit 1; }
	@NIANGJIA_BENCH_DATABASE="$${DATABASE_URL:-}" QUICK="$(QUICK)" $(BIN)/python -m tests.bench

bench-uploads: venv ## 测量直传速度(不设门槛) · measure direct uploads against the store's own SDK; asserts nothing
	$(BIN)/python -m tests.bench.uploads

races: venv ## 四个接口进程上的并发竞争(SEEDS=20) · race on four api processes: nothing lost, nothing twice
	$(BIN)/python -m tests.faults.races --seeds $(or $(SEEDS),20)

rush: venv ## 9:00 抢报:60 秒 5,000 人,写 build/rush.json · 5,000 arrivals in 60 s on one batch, measured
	$(BIN)/python -m tests.bench.rush --workers $(or $(WORKERS),1)

bench-backups: venv ## 测量备份与恢复(不设门槛) · measure a backup and a restore; CASES=200000 PAPERS=500
	$(BIN)/python -m tests.bench.backups $(or $(CASES),200000) $(or $(PAPERS),500)

faults: venv ## 坏天气演练:杀进程、断网、满盘(QUICK=1、SEED=、BLOWS=) · bad days: kills, cut lines, full disks
	$(BIN)/python -m tests.faults.driver

browser-parts:
	@tests/install-parts

minio: .tools/minio ## 从固定版本源码构建 MinIO(需 Go 1.24+) · build MinIO at the pinned version

.tools/minio: Makefile
	@command -v go >/dev/null || { echo "Go 1.24 or newer is needed to build MinIO" >&2; exit 1; }
	mkdir -p .tools
	GOBIN=$(CURDIR)/.tools CGO_ENABLED=0 go install -trimpath -ldflags "-s -w" github.com/minio/minio@$(MINIO_VERSION)
	@touch $@

lock: ## 重写两个锁文件(需 uv) · write both lock files anew
	$(COMPILE) --extra embedded --extra dev pyproject.toml -o requirements-dev.lock
	$(COMPILE) -c requirements-dev.lock pyproject.toml -o requirements.lock

openapi: venv ## 输出接口文档 · write docs/openapi.json
	$(BIN)/niangjia openapi docs/openapi.json

clean: ## 删除虚拟环境与缓存(不动数据) · delete the environment and caches, never data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache mutants
