#!/usr/bin/env bash
# Cut a question-answering model twice, and write both cuts as ONNX.
#
#     examples/01-cut-and-export.sh MODEL [FOLDER]
#
# MODEL is a directory with config.json, safetensors weights and a tokenizer, a hub id, or the word demo.
set -euo pipefail
model=${1:?give a model directory, a hub id, or the word demo}
folder=${2:-example.work}
mkdir -p "$folder/mild" "$folder/deep"

# As far as the model's own answers to built-in questions allow: no data is needed.
prune-export "$model" "$folder/mild/model.onnx"

# Half of the heads and of the feed-forward activations. Add --train and --distill 1 to win back what that costs.
prune-export "$model" "$folder/deep/model.onnx" --prune-heads 50% --prune-ffn 50% --save-model "$folder/cut"

ls -l "$folder/mild" "$folder/deep" "$folder/cut"
