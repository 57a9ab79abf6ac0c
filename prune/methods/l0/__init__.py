"""l0: gates that are trained to close where the task can do without."""
