"""Published networks, one self-contained file each."""

from importlib import import_module

MODULES = (
    *("didfuse", "pmgi", "sdnet", "fusiongan", "ddcgan", "rfn_nest", "swinfusion", "mgt"),
    *("densefuse", "ifcnn", "u2fusion", "seafusion", "tardal", "ydtr", "datfuse", "lrrnet", "mmdrfuse", "sage"),
    *("gifnet", "lutfuse"),
)
"""In the order in which tables list them, which no fact of theirs would give; each registers its method."""

for _module in MODULES:
    import_module(f"{__name__}.{_module}")
