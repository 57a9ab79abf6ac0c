"""reconstruction: what is left of each layer makes up for what goes, by least squares, without labels or training.

Each attention's output Linear and each feed-forward output Linear reads the units of its sublayer. Units go one after
another, each time the one whose loss the Linear makes up for best (`obs`), as far as the model's answers feel it
(`sensitivity`). How many go where is a programme over all sublayers (`allocation`) whose prices are the task's own loss
(`pricing`). Then the Linears of the cut model are fitted anew, from the bottom up, to what the uncut model has there
(`rebuild`).
"""
