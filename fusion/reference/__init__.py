"""Reference-then-Supervision: of what existing methods made of a pair, the best, mended, to train networks on.

Li et al., Pattern Recognition 2024. ``pool`` fuses every pair with many methods, ``filter`` picks the best results of
each pair, ``enhance`` turns them into supervision, ``supervision`` reads them back for training.
"""
