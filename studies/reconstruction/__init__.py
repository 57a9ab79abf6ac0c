"""Pruning by reconstruction, measured: divergence and F1 of a model cut without labels, for several budgets.

    python -m studies.reconstruction run --store reconstruction.json.gz --model MODEL --train train.json \
        --dev dev.json --dev dev2.json --ratio 1.5 --ratio 2
    python -m studies.reconstruction table --store reconstruction.json.gz
"""
