"""Places: where scenes are set, from the ground up to the people who are put there.

What places are made on and of (`ground`, `buildings`, `ceiling`); the six kinds of them (`streets`, `greens`,
`enclosures`), filled by chance (`choices`, `population`) into a `world`, which `composition` draws from a seed; and
all that stands still in it, painted and lit once (`background`).
"""
