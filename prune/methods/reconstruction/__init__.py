"""reconstruction: what is left of each layer makes up for what goes, by least squares, without labels or training.

Each attention's output Linear and each feed-forward output Linear reads the units of its sublayer. Units go one
after another, each time the one whose loss the Linear makes up for best (`obs`); how many go where is a
programme over all sublayers (`allocation`) whose prices are the task's own loss (`pricing`); then the Linears of
the cut model are fitted anew, from the bottom up, to what the uncut model computes there (`rebuild`).
"""
