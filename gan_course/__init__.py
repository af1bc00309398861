"""A GAN course you can run: vanilla GAN, norm-loss ProGAN and residual SnovenGAN, measured.

"ProGAN" here is a GAN whose generator also pays a norm loss ``λ1·L1 + λ2·L2``; it is not
Progressive Growing of GANs (arXiv 1710.10196). "SnovenGAN" is the same loss with a residual
generator.
"""

__version__ = "0.1.0"
