"""Which numbers of activations and heads pay: time against work, by runtime and precision.

    python -m studies.widths run --store studies/results/widths.json.gz
    python -m studies.widths table --store studies/results/widths.json.gz

Four layers of BERT-base's size, batch 1, 384 tokens. A width that a kernel dislikes takes longer than a wider one.
"""
