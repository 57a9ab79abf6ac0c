"""Prune a trained transformer question-answering model to layers of unequal size."""
