"""A terminal lab bench for latent-variable generative models."""

__version__ = "0.2.0"
