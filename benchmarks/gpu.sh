#!/usr/bin/env bash
# What a CUDA GPU computes, and how fast: at most ten minutes, one report.
#
#     bash benchmarks/gpu.sh REPORT.md          # in the environment of the project
#     bash benchmarks/gpu.sh REPORT.md CLONE    # also beside a clone of rosinality/style-based-gan-pytorch
#
# The tests compare with the CPU; the benchmarks say in their first lines what their columns are. A part that fails or
# takes too long is named in the report, and the others go on.
set -u
if [ $# -lt 1 ]; then
    sed -n '4,5s/^# *//p' "$0" >&2
    exit 2
fi
if ! python -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
    echo "error: torch sees no CUDA GPU; dlcourse doctor says more" >&2
    exit 1
fi
report=$(realpath -- "$1") && touch "$report" || exit 2
clone=""
if [ $# -gt 1 ]; then
    clone=$(realpath -- "$2") && [ -d "$clone" ] || { echo "$2: not a folder" >&2; exit 2; }
fi
cd "$(dirname "$0")/.." || exit 1
paper="model.z_dim=512 model.w_dim=512 model.channel_base=8192 model.channel_max=512"

part() { # SECONDS COMMAND...
    local seconds=$1 status
    shift
    printf '\n```\n$ %s\n' "$*"
    timeout "$seconds" "$@" 2>&1
    status=$?
    printf '```\n'
    if [ $status -ne 0 ]; then
        echo "ended with status $status (124: not finished in $seconds seconds)"
        failed=$((failed + 1))
    fi
}

failed=0
training="python benchmarks/stylegan_training.py --device cuda --rounds 3"
{
    echo "# $(python -c 'import torch; print(torch.cuda.get_device_name(), "torch", torch.__version__, sep=", ")')"
    part 90 python -m pytest -q tests/engine/test_gpu.py
    part 80 python benchmarks/stylegan_sampling.py --device cuda --rounds 1
    for precision in tf32 bf16; do
        part 30 $training --kernels --precision $precision --resolutions 64 --batches 16 64
        part 30 $training $paper --kernels --precision $precision --resolutions 256 --batches 32
        part 30 $training $paper --kernels --precision $precision --resolutions 1024 --batches 8
    done
    part 60 $training runner.compile=true --precision bf16 --resolutions 64 --batches 64
    if [ -n "$clone" ]; then
        part 60 $training --rosinality "$clone" --resolutions 64 256 --batches 16
    fi
    part 90 python benchmarks/style_transfer.py --device cuda --sizes 512 1024
    [ $failed -eq 0 ]
} | tee "$report"
exit "${PIPESTATUS[0]}"
