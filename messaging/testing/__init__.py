"""The kit for whoever writes a plugin: what its tests need, shipped with the project.

`messaging.testing.standins` are the providers as far as an adapter sees them; `messaging.testing.plugin` is loaded by
pytest where this project is installed.
"""
