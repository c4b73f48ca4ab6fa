"""Optics: what light, heat and cameras do, whatever they look at.

The pinhole view that both cameras share (`camera`), the channels they need to know of every pixel (`surface`) and the
grain of all surfaces (`noise`); sources of light and what they reach (`light`, `shadows`), air, and wet ground that
mirrors; how the two cameras are set and placed (`camera_settings`, `misalignment`), and their pictures (`visible`,
`infrared`). Knows the conditions of light and weather, but nothing of what stands in a scene.
"""
