"""A town for the tests of operator and watcher: one chain and deployment, and whoever is needed."""
