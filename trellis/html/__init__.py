"""What pages are made of: markup as values, tables, charts as inline SVG, and the document around them.

Knows nothing of what is shown; the pages of trellis.cli do. Needs only the standard library, and of this project only
how files are put in place. Charts are 360 units wide, so that their 11-unit letters stay legible on a phone;
what they tell by colour they tell by shape, dash or hatching as well.
"""
