"""Which numbers of activations and heads pay: time against work, by runtime and precision.

    python -m bench.widths run --store docs/study/widths
    python -m bench.widths table --store docs/study/widths

Four layers of BERT-base's size, batch 1, 384 tokens. A width that a kernel dislikes takes longer than a wider one.
"""
