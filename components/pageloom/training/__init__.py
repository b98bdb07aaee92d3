"""Learning from examples: gradients, steps, averages; for components and recipes."""
