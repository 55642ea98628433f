"""Templates: prepared once per version, rendered once per message.

- `prepare.prepare`: a template as written -> a frozen version: flattened, inlined, links numbered, compiled once to see
- `render.Renderer`: a version and a context -> the parts of one message
- `check.check`: what is wrong with a template, with file and line

The way of a source, in a limited process (`probe`): `pieces` cuts it, `flatten` joins it with its layouts, `survey`
sees what it asks for, `shelter` hides its code from the HTML tools of `inlining` and `texts`, `linking` numbers its
links, `guard` counts what it costs. `compiled` runs it, for each message.
"""
