"""Our graphs beside other people's, and pruning on top of every other speed-up: BERT-base, random weights.

    python -m studies.peers graphs --work DIR              with the extra `optimum` (an environment of its own)
    python -m studies.peers time --work DIR --store studies/results/peers.json.gz
    python -m studies.peers table --store studies/results/peers.json.gz

`graphs` has optimum and torch write theirs; `time` reads the machine's fastest matrix products, writes our graphs and
times pair after pair, each cell stored as it ends, so that the same command goes on where it was stopped; `table`
prints what is stored, and what share of those products each graph reaches.
"""
