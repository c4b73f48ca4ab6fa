"""Things: what stands or moves in a scene, and how each one looks to both cameras.

Every `thing` paints itself and says what shadows it throws, which ground it darkens and where people cannot walk.
Street furniture, plants, vehicles and animals; people, made of `poses`, `figures` and `bicycles`, and how they get
about (`walking`); what looks like a person in one band and is none (`distractors`). Knows the optics, but not in
which places it is put.
"""
