"""Continued training of a model, cut or whole, on its task or from a teacher."""
