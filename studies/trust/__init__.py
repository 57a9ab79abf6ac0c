"""Whether `bench` is to be trusted: what is known beforehand is measured, again and again.

    python -m studies.trust run --store studies/results/trust.json.gz
    python -m studies.trust table --store studies/results/trust.json.gz

A model against itself; against itself slowed down by a known share; and with a process beside it that burns a core.
"""
