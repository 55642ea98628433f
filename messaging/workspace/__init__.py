"""The workspace's files: settings, segments, templates, keys."""
