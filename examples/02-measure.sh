#!/usr/bin/env bash
# Measure how many times as fast a cut model is as the whole one. Add --dev dev.json to see the F1 of both.
#
#     examples/02-measure.sh FOLDER MODEL
#
# FOLDER is what prune-export wrote, such as example.work/deep; MODEL is the directory of the uncut model.
set -euo pipefail
folder=${1:?give the folder that prune-export wrote}
model=${2:?give the directory of the uncut model}

# At most 10 seconds for each operating point; without --max-time the interval becomes as narrow as wanted.
bench "$folder" --baseline "$model" --batch 1,8 --seq 32 --max-time 10 \
  --json "$folder/bench.json" --html "$folder/page.html"

# Exit code 1 where a limit is missed: this line is what a CI job needs (05-gate.yml has the whole job).
bench "$folder" --baseline "$model" --seq 32 --max-time 10 --min-speedup 0.1
