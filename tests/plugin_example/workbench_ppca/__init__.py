"""Probabilistic PCA for workbench: settings (no torch) and model (torch), the two files of a family."""
