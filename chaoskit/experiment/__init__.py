"""The experiment file: models, loader, templates, conditions, schema."""
