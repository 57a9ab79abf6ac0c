"""The paper's experiments in small: cells that are commands, their stored numbers, figures drawn from these.

    python -m studies.paper squad MODEL --train train.json --dev dev.json --store STORE --work WORK
    python -m studies.paper nq MODEL --train train.jsonl --dev dev.jsonl --plans STORE --store NQ_STORE --work NQ_WORK
    python -m studies.paper speed --store STORE --work WORK
    python -m studies.paper cost MODEL
    python -m studies.paper draw --store STORE --out FIGURES

Each cell is one run of prune-export, and what it found is kept in the file STORE. A run that is cut off goes on
where it was; figures need nothing but the stored numbers.
"""
